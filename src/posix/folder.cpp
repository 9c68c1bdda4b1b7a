#include "posix/folder.h"

#include <array>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <utility>

namespace nunc {
namespace {

constexpr mode_t kFolderMode = 0700;
constexpr mode_t kLockMode = 0600;

std::string WithoutEndSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  return path;
}

std::string ParentOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return WithoutEndSlashes(path.substr(0, slash + 1));
}

std::string Octal(mode_t mode) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), mode & 07777U, 8);
  return "0" + std::string(digits.data(), end.ptr);
}

// What a person must know and do about the file or folder that refuses us.
std::string Permissions(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return "; this user may not enter a folder above it";
  }
  const std::string user = std::to_string(geteuid());
  if (info.st_uid != geteuid()) {
    return "; it belongs to user " + std::to_string(info.st_uid) + " and this process is user " +
           user + ": run it as the owner, or give it with chown -R " + user;
  }
  return "; its mode is " + Octal(info.st_mode) + ": give its owner all rights with chmod u+rwX";
}

Error FolderError(std::string_view what, const std::string& path, int code) {
  Error error = SystemError(what, path, code);
  switch (code) {
    case ENOENT:
      error.detail += "; make it, or name another folder";
      break;
    case ENOTDIR:
      error.fault = Fault::kInvalid;
      error.detail += "; name a folder";
      break;
    case ENAMETOOLONG:
      error.fault = Fault::kInvalid;
      error.detail += "; name a folder with a shorter path";
      break;
    case EACCES:
    case EPERM:
      error.fault = Fault::kUnavailable;
      error.detail += Permissions(path);
      break;
    case EROFS:
      error.fault = Fault::kUnavailable;
      error.detail += "; mount it writable, or name another folder";
      break;
    default:
      break;
  }
  return error;
}

tl::unexpected<Error> FailFolder(std::string_view what, const std::string& path, int code) {
  return tl::unexpected<Error>(FolderError(what, path, code));
}

Result<Descriptor> OpenDirectory(const std::string& path) {
  Descriptor directory(Uninterrupted(
      [&] { return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOCTTY); }));
  if (!directory.valid()) {
    return FailFolder("cannot open the folder", path, errno);
  }
  return directory;
}

Result<void> MakeFolder(const std::string& path) {
  if (mkdir(path.c_str(), kFolderMode) != 0) {
    const int code = errno;
    if (code == EEXIST) {
      return {};
    }
    // What is missing, or refuses to take a new folder, is the parent.
    const bool of_parent = code == ENOENT || code == ENOTDIR || code == EACCES || code == EPERM;
    return of_parent ? FailFolder("cannot make the folder " + path + " in", ParentOf(path), code)
                     : FailFolder("cannot make the folder", path, code);
  }
  const std::string parent = ParentOf(path);
  const Result<Descriptor> directory = OpenDirectory(parent);
  if (!directory) {
    return tl::unexpected<Error>(directory.error());
  }
  if (Uninterrupted([&] { return fsync(directory->fd()); }) != 0) {
    return FailFolder("cannot sync the folder", parent, errno);
  }
  return {};
}

std::string Holder(int lock) {
  std::array<char, 16> text{};
  const ssize_t length = pread(lock, text.data(), text.size(), 0);
  long pid = 0;
  if (length <= 0 || std::from_chars(text.data(), text.data() + length, pid).ec != std::errc() ||
      pid <= 0) {
    return "another process";
  }
  return "process " + std::to_string(pid);
}

Result<Descriptor> TakeLock(const Folder& folder) {
  const std::string path = folder.path + "/" + std::string(kLockName);
  Descriptor lock(Uninterrupted([&] {
    return openat(folder.directory.fd(), std::string(kLockName).c_str(),
                  O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kLockMode);
  }));
  if (!lock.valid()) {
    const int code = errno;
    struct stat info {};
    const bool exists = fstatat(folder.directory.fd(), std::string(kLockName).c_str(), &info,
                                AT_SYMLINK_NOFOLLOW) == 0;
    return FailFolder("cannot write", exists ? path : folder.path, code);
  }
  if (Uninterrupted([&] { return flock(lock.fd(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) {
      return FailFolder("cannot lock", path, errno);
    }
    return Fail(Fault::kUnavailable, "the folder " + folder.path + " is in use by " +
                                         Holder(lock.fd()) + ", which holds " + path +
                                         "; stop it, or name another folder");
  }
  // Only for the message above, so it may fail: a server must start on a full disk too.
  const std::string pid = std::to_string(getpid()) + "\n";
  const bool named =
      ftruncate(lock.fd(), 0) == 0 && pwrite(lock.fd(), pid.data(), pid.size(), 0) > 0;
  static_cast<void>(named);
  return lock;
}

}  // namespace

Error SystemError(std::string_view what, const std::string& path, int code) {
  Fault fault = Fault::kIo;
  if (code == ENOSPC || code == EDQUOT) {
    fault = Fault::kNoSpace;
  } else if (code == ENOENT) {
    fault = Fault::kNotFound;
  }
  return {.fault = fault, .detail = std::string(what) + " " + path + ": " + std::strerror(code)};
}

Result<Folder> OpenFolder(const std::string& path, FolderAccess access) {
  if (path.empty() || path.contains('\0')) {
    return Fail(Fault::kInvalid, "the path of the data folder is empty or holds a zero byte");
  }
  Folder folder{.path = WithoutEndSlashes(path), .directory = {}, .lock = {}};
  if (access == FolderAccess::kCreate) {
    const Result<void> made = MakeFolder(folder.path);
    if (!made) {
      return tl::unexpected<Error>(made.error());
    }
  }
  Result<Descriptor> directory = OpenDirectory(folder.path);
  if (!directory) {
    return tl::unexpected<Error>(directory.error());
  }
  folder.directory = std::move(*directory);
  if (access != FolderAccess::kReadOnly) {
    Result<Descriptor> lock = TakeLock(folder);
    if (!lock) {
      return tl::unexpected<Error>(lock.error());
    }
    folder.lock = std::move(*lock);
  }
  return folder;
}

}  // namespace nunc
