#include "posix/disk.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace nunc {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr std::size_t kNameBytesMax = 255;
constexpr std::size_t kZeroBytes = 65'536;

tl::unexpected<Error> FailSystem(std::string_view what, const std::string& path, int code) {
  return tl::unexpected<Error>(SystemError(what, path, code));
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path, bool writable)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), writable_(writable) {}

  Result<std::size_t> Read(std::uint64_t offset, std::span<char> into) override;
  Result<void> Write(std::uint64_t offset, std::string_view bytes) override;
  Result<void> Reserve(std::uint64_t bytes) override;
  Result<void> Sync() override;
  Result<std::uint64_t> Size() override;

 private:
  struct Progress {
    std::size_t bytes = 0;
    int code = 0;  // an errno; 0: all written
  };

  [[nodiscard]] int fd() const { return descriptor_.fd(); }
  Result<void> CheckWritable() const;
  Progress WriteBytes(std::uint64_t offset, std::string_view bytes);
  int WriteZeros(std::uint64_t from, std::uint64_t until);
  Result<void> CutBack(std::uint64_t size, Error reason);

  Descriptor descriptor_;
  std::string path_;
  bool writable_;
  std::uint64_t size_seen_ = 0;  // the file is at least as long
};

Result<void> PosixFile::CheckWritable() const {
  if (!writable_) {
    return Fail(Fault::kInvalid, path_ + " was opened for reading only");
  }
  return {};
}

Result<std::size_t> PosixFile::Read(std::uint64_t offset, std::span<char> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = Uninterrupted([&] {
      return pread(fd(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    });
    if (got < 0) {
      return FailSystem("cannot read", path_, errno);
    }
    if (got == 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return done;
}

PosixFile::Progress PosixFile::WriteBytes(std::uint64_t offset, std::string_view bytes) {
  Progress progress;
  while (progress.bytes < bytes.size()) {
    const ssize_t put = Uninterrupted([&] {
      return pwrite(fd(), bytes.data() + progress.bytes, bytes.size() - progress.bytes,
                    static_cast<off_t>(offset + progress.bytes));
    });
    if (put <= 0) {
      progress.code = put < 0 ? errno : EIO;
      break;
    }
    progress.bytes += static_cast<std::size_t>(put);
  }
  return progress;
}

// A full disk takes a part of what it is given; the caller is promised that nothing changed.
Result<void> PosixFile::CutBack(std::uint64_t size, Error reason) {
  size_seen_ = 0;
  if (Uninterrupted([&] { return ftruncate(fd(), static_cast<off_t>(size)); }) != 0) {
    return FailSystem("cannot cut back", path_, errno);
  }
  return tl::unexpected<Error>(std::move(reason));
}

Result<void> PosixFile::Write(std::uint64_t offset, std::string_view bytes) {
  Result<void> writable = CheckWritable();
  if (!writable) {
    return writable;
  }
  // Only what makes the file longer may have to be cut back, and asking is a system call.
  Result<std::uint64_t> before = size_seen_;
  if (offset + bytes.size() > size_seen_) {
    before = Size();
  }
  if (!before) {
    return tl::unexpected<Error>(before.error());
  }
  const Progress progress = WriteBytes(offset, bytes);
  if (progress.code == 0) {
    return {};
  }
  Error reason = SystemError("cannot write", path_, progress.code);
  size_seen_ = 0;
  const std::uint64_t end = offset + progress.bytes;
  if (reason.fault == Fault::kNoSpace && progress.bytes > 0 && end > *before) {
    return CutBack(*before, std::move(reason));
  }
  return tl::unexpected<Error>(std::move(reason));
}

int PosixFile::WriteZeros(std::uint64_t from, std::uint64_t until) {
  const std::string zeros(kZeroBytes, '\0');
  while (from < until) {
    const std::string_view piece =
        std::string_view(zeros).substr(0, std::min<std::uint64_t>(until - from, zeros.size()));
    const Progress progress = WriteBytes(from, piece);
    if (progress.code != 0) {
      return progress.code;
    }
    from += piece.size();
  }
  return 0;
}

Result<void> PosixFile::Reserve(std::uint64_t bytes) {
  Result<void> writable = CheckWritable();
  if (!writable) {
    return writable;
  }
  const Result<std::uint64_t> before = Size();
  if (!before) {
    return tl::unexpected<Error>(before.error());
  }
  if (bytes == 0) {
    return {};
  }
  int code = 0;
  if (Uninterrupted([&] { return fallocate(fd(), 0, 0, static_cast<off_t>(bytes)); }) != 0) {
    // The one of the C library would then write one byte of each block, which a file system that
    // keeps no blocks in place (NFS, FUSE) need not take for the whole block.
    code = errno == EOPNOTSUPP ? WriteZeros(*before, bytes) : errno;
  }
  if (code == 0) {
    return {};
  }
  Error reason = SystemError("cannot reserve space for", path_, code);
  return reason.fault == Fault::kNoSpace ? CutBack(*before, std::move(reason))
                                         : tl::unexpected<Error>(std::move(reason));
}

Result<void> PosixFile::Sync() {
  if (Uninterrupted([&] { return fdatasync(fd()); }) != 0) {
    return FailSystem("cannot sync", path_, errno);
  }
  return {};
}

Result<std::uint64_t> PosixFile::Size() {
  struct stat info {};
  if (fstat(fd(), &info) != 0) {
    return FailSystem("cannot look at", path_, errno);
  }
  size_seen_ = static_cast<std::uint64_t>(info.st_size);
  return size_seen_;
}

Result<void> CheckName(std::string_view name) {
  const bool plain = !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
                     !name.contains('/') && !name.contains('\0');
  if (!plain || name == kLockName) {
    return Fail(Fault::kInvalid, "'" + std::string(name) + "' cannot be the name of a file");
  }
  return {};
}

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  std::unreachable();
}

struct FolderCloser {
  void operator()(DIR* stream) const { closedir(stream); }
};

}  // namespace

PosixDisk::PosixDisk(Folder folder, FolderAccess access)
    : folder_(std::move(folder)), access_(access) {}

Result<std::unique_ptr<PosixDisk>> PosixDisk::Open(const std::string& folder, FolderAccess access) {
  Result<Folder> opened = OpenFolder(folder, access);
  if (!opened) {
    return tl::unexpected<Error>(opened.error());
  }
  return std::unique_ptr<PosixDisk>(new PosixDisk(std::move(*opened), access));
}

Result<void> PosixDisk::CheckWritable() const {
  if (access_ == FolderAccess::kReadOnly) {
    return Fail(Fault::kInvalid, "the folder " + folder_.path + " was opened for reading only");
  }
  return {};
}

Result<std::unique_ptr<File>> PosixDisk::Open(std::string_view name, OpenMode mode) {
  Result<void> allowed = CheckName(name);
  if (allowed && mode != OpenMode::kRead) {
    allowed = CheckWritable();
  }
  if (!allowed) {
    return tl::unexpected<Error>(allowed.error());
  }
  std::string path = PathOf(name);
  // O_NONBLOCK, because opening a pipe that somebody left here would wait for ever.
  const int flags = FlagsOf(mode) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  Descriptor file(Uninterrupted(
      [&] { return openat(folder_.directory.fd(), std::string(name).c_str(), flags, kFileMode); }));
  if (!file.valid()) {
    return FailSystem("cannot open", path, errno);
  }
  struct stat info {};
  if (fstat(file.fd(), &info) != 0) {
    return FailSystem("cannot look at", path, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return Fail(Fault::kIo, path + " is not a regular file");
  }
  return std::make_unique<PosixFile>(std::move(file), std::move(path), mode != OpenMode::kRead);
}

Result<std::vector<FileInfo>> PosixDisk::List() {
  // A descriptor of its own: reading moves its position, and closedir closes it.
  Descriptor again(Uninterrupted(
      [&] { return openat(folder_.directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  const std::unique_ptr<DIR, FolderCloser> stream(again.valid() ? fdopendir(again.fd()) : nullptr);
  if (!stream) {
    return FailSystem("cannot list", folder_.path, errno);
  }
  again.Release();
  std::vector<FileInfo> files;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    struct stat info {};
    if (fstatat(folder_.directory.fd(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      // Removed by somebody since its entry was read.
      if (errno != ENOENT) {
        return FailSystem("cannot look at", PathOf(name), errno);
      }
    } else if (S_ISREG(info.st_mode) && name != kLockName) {
      files.push_back(
          {.name = std::string(name), .bytes = static_cast<std::uint64_t>(info.st_size)});
    }
    errno = 0;
  }
  if (errno != 0) {
    return FailSystem("cannot list", folder_.path, errno);
  }
  std::ranges::sort(files, {}, &FileInfo::name);
  return files;
}

Result<void> PosixDisk::Rename(std::string_view from, std::string_view to) {
  Result<void> allowed = CheckWritable();
  for (const std::string_view name : {from, to}) {
    if (allowed) {
      allowed = CheckName(name);
    }
  }
  if (!allowed) {
    return allowed;
  }
  const int folder = folder_.directory.fd();
  if (renameat(folder, std::string(from).c_str(), folder, std::string(to).c_str()) != 0) {
    return FailSystem("cannot rename " + PathOf(from) + " to", PathOf(to), errno);
  }
  return {};
}

Result<void> PosixDisk::Remove(std::string_view name) {
  Result<void> allowed = CheckWritable();
  if (allowed) {
    allowed = CheckName(name);
  }
  if (!allowed) {
    return allowed;
  }
  if (unlinkat(folder_.directory.fd(), std::string(name).c_str(), 0) != 0) {
    return FailSystem("cannot remove", PathOf(name), errno);
  }
  return {};
}

Result<void> PosixDisk::SyncFolder() {
  Result<void> allowed = CheckWritable();
  if (!allowed) {
    return allowed;
  }
  if (Uninterrupted([&] { return fsync(folder_.directory.fd()); }) != 0) {
    return FailSystem("cannot sync the folder", folder_.path, errno);
  }
  return {};
}

std::string PosixDisk::PathOf(std::string_view name) const {
  return folder_.path + "/" + std::string(name);
}

}  // namespace nunc
