// Preloaded into the server by tests: notes in a trace what reaches the disk, and can hinder syncs.
//
// Shape:   NUNC_SHIM_FOLDER is the data folder, and is there already. With NUNC_SHIM_TRACE each
//          call that changes the folder or a file in it is noted in that file, with its bytes, in
//          the order in which the calls took effect. crash_disk.mjs makes of it what a power cut
//          may leave. NUNC_SHIM_FORGET=files or =folder leaves those syncs out of the trace: the
//          calls happen, and a checker that is worth something finds what is then lost.
//          NUNC_SHIM_CONTROL names a file that is looked at before each sync of a file: `delay MS`
//          holds the sync up, `fail` makes it fail with EIO. Missing or empty: nothing.
// Thread:  any. One mutex makes the order of the trace that of the calls.
// Limits:  what the server does not call (mmap, write, link, O_SYNC) is not seen. A
//          descriptor above kDescriptorsMax is not followed.
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/uio.h>
#include <thread>
#include <unistd.h>

namespace {

constexpr std::size_t kDescriptorsMax = 4096;

enum class Event : std::uint8_t {
  kCreate = 1,     // name, inode
  kWrite = 2,      // inode, offset, length, bytes unless all are zero
  kSize = 3,       // inode, length
  kGrow = 4,       // inode, length: at least this long
  kRename = 5,     // name, second name
  kRemove = 6,     // name
  kSyncBegin = 7,  // inode, number
  kSyncEnd = 8,    // inode, number
};

// As crash_disk.mjs reads it.
struct Head {
  Event event = Event::kCreate;
  std::uint8_t has_bytes = 0;
  std::uint16_t name_bytes = 0;
  std::uint16_t second_name_bytes = 0;
  std::uint16_t unused = 0;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t number = 0;
};
static_assert(sizeof(Head) == 40);

template <class Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

std::string_view Setting(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

bool AllZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

class Shim {
 public:
  std::mutex mutex;

  Shim() {
    struct stat info {};
    const std::string folder(Setting("NUNC_SHIM_FOLDER"));
    if (!folder.empty()) {
      if (stat(folder.c_str(), &info) != 0) {
        std::abort();  // it would see nothing, and every test would take that for good news
      }
      device_ = info.st_dev;
      folder_inode_ = info.st_ino;
    }
    const std::string trace(Setting("NUNC_SHIM_TRACE"));
    if (!trace.empty() && folder_inode_ != 0) {
      trace_ = Real<int(const char*, int, ...)>("open")(
          trace.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    forgets_files_ = Setting("NUNC_SHIM_FORGET") == "files";
    forgets_folder_ = Setting("NUNC_SHIM_FORGET") == "folder";
    control_ = Setting("NUNC_SHIM_CONTROL");
  }

  [[nodiscard]] bool IsFolder(int fd) const {
    struct stat info {};
    return folder_inode_ != 0 && fd >= 0 && fstat(fd, &info) == 0 && info.st_ino == folder_inode_ &&
           info.st_dev == device_;
  }

  // 0: not a file of the folder.
  [[nodiscard]] std::uint64_t InodeOf(int fd) const {
    return fd < 0 || static_cast<std::size_t>(fd) >= kDescriptorsMax
               ? 0
               : inodes_[static_cast<std::size_t>(fd)];
  }

  void Follow(int fd) {
    struct stat info {};
    if (fd >= 0 && static_cast<std::size_t>(fd) < kDescriptorsMax && fstat(fd, &info) == 0 &&
        S_ISREG(info.st_mode)) {
      inodes_[static_cast<std::size_t>(fd)] = info.st_ino;
    }
  }

  void Unfollow(int fd) {
    if (InodeOf(fd) != 0) {
      inodes_[static_cast<std::size_t>(fd)] = 0;
    }
  }

  void Note(Head head, std::string_view name = {}, std::string_view second = {},
            std::string_view bytes = {}) const {
    if (trace_ < 0) {
      return;
    }
    if (AllZero(bytes)) {
      bytes = {};
    }
    head.has_bytes = bytes.empty() ? 0 : 1;
    head.name_bytes = static_cast<std::uint16_t>(name.size());
    head.second_name_bytes = static_cast<std::uint16_t>(second.size());
    std::string text(reinterpret_cast<const char*>(&head), sizeof(head));
    text += name;
    text += second;
    text += bytes;
    for (std::string_view rest = text; !rest.empty();) {
      const ssize_t put = write(trace_, rest.data(), rest.size());
      if (put <= 0) {
        std::abort();  // a trace with a hole would prove nothing
      }
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
  }

  int Sync(int fd, int (*real)(int)) {
    const bool folder = IsFolder(fd);
    const std::uint64_t inode = folder ? folder_inode_ : InodeOf(fd);
    if (inode == 0) {
      return real(fd);
    }
    if (!folder && !Obey()) {
      errno = EIO;
      return -1;
    }
    const bool forget = folder ? forgets_folder_ : forgets_files_;
    Head head{.event = Event::kSyncBegin, .inode = inode};
    {
      const std::scoped_lock lock(mutex);
      head.number = ++syncs_;
      if (!forget) {
        Note(head);
      }
    }
    const int result = real(fd);
    if (result == 0 && !forget) {
      const std::scoped_lock lock(mutex);
      head.event = Event::kSyncEnd;
      Note(head);
    }
    return result;
  }

 private:
  // Does what the control file says; false: the sync must fail.
  [[nodiscard]] bool Obey() const {
    std::array<char, 64> text{};
    std::FILE* const file = control_.empty() ? nullptr : std::fopen(control_.c_str(), "re");
    if (file == nullptr) {
      return true;
    }
    const std::size_t length = std::fread(text.data(), 1, text.size() - 1, file);
    std::fclose(file);
    const std::string order(text.data(), length);
    if (order.starts_with("delay ")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(order.substr(6))));
    }
    return !order.starts_with("fail");
  }

  dev_t device_ = 0;
  std::uint64_t folder_inode_ = 0;
  int trace_ = -1;
  bool forgets_files_ = false;
  bool forgets_folder_ = false;
  std::string control_;
  std::uint64_t syncs_ = 0;
  std::array<std::uint64_t, kDescriptorsMax> inodes_{};
};

Shim& TheShim() {
  // Never destroyed: the last calls come when statics are gone.
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): what a shim knows
  static Shim* const shim = new Shim;
  return *shim;
}

}  // namespace

extern "C" {

int openat(int folder, const char* name, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  const auto real = Real<int(int, const char*, int, ...)>("openat");
  Shim& shim = TheShim();
  if (!shim.IsFolder(folder)) {
    return real(folder, name, flags, mode);
  }
  const std::scoped_lock lock(shim.mutex);
  struct stat info {};
  const bool existed = fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
  const int fd = real(folder, name, flags, mode);
  const int code = errno;
  shim.Follow(fd);
  if (const std::uint64_t inode = shim.InodeOf(fd); inode != 0) {
    if (!existed) {
      shim.Note({.event = Event::kCreate, .inode = inode}, name);
    } else if ((flags & O_TRUNC) != 0) {
      shim.Note({.event = Event::kSize, .inode = inode});
    }
  }
  errno = code;
  return fd;
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  const auto real = Real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  Shim& shim = TheShim();
  const std::uint64_t inode = shim.InodeOf(fd);
  if (inode == 0) {
    return real(fd, bytes, count, offset);
  }
  const std::scoped_lock lock(shim.mutex);
  const ssize_t put = real(fd, bytes, count, offset);
  if (put > 0) {
    const auto length = static_cast<std::size_t>(put);
    shim.Note({.event = Event::kWrite,
               .inode = inode,
               .offset = static_cast<std::uint64_t>(offset),
               .length = length},
              {}, {}, std::string_view(static_cast<const char*>(bytes), length));
  }
  return put;
}

int ftruncate(int fd, off_t length) noexcept {
  const auto real = Real<int(int, off_t)>("ftruncate");
  Shim& shim = TheShim();
  const std::scoped_lock lock(shim.mutex);
  const int result = real(fd, length);
  if (const std::uint64_t inode = shim.InodeOf(fd); inode != 0 && result == 0) {
    shim.Note(
        {.event = Event::kSize, .inode = inode, .length = static_cast<std::uint64_t>(length)});
  }
  return result;
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  const auto real = Real<int(int, int, off_t, off_t)>("fallocate");
  Shim& shim = TheShim();
  const std::scoped_lock lock(shim.mutex);
  const int result = real(fd, mode, offset, length);
  if (const std::uint64_t inode = shim.InodeOf(fd); inode != 0 && result == 0) {
    shim.Note({.event = Event::kGrow,
               .inode = inode,
               .length = static_cast<std::uint64_t>(offset + length)});
  }
  return result;
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  const auto real = Real<int(int, const char*, int, const char*)>("renameat");
  Shim& shim = TheShim();
  const bool followed = shim.IsFolder(from_folder) && shim.IsFolder(to_folder);
  const std::scoped_lock lock(shim.mutex);
  const int result = real(from_folder, from, to_folder, to);
  if (followed && result == 0) {
    shim.Note({.event = Event::kRename}, from, to);
  }
  return result;
}

int unlinkat(int folder, const char* name, int flags) noexcept {
  const auto real = Real<int(int, const char*, int)>("unlinkat");
  Shim& shim = TheShim();
  const bool followed = shim.IsFolder(folder);
  const std::scoped_lock lock(shim.mutex);
  const int result = real(folder, name, flags);
  if (followed && result == 0) {
    shim.Note({.event = Event::kRemove}, name);
  }
  return result;
}

int fdatasync(int fd) {
  return TheShim().Sync(fd, Real<int(int)>("fdatasync"));
}

int fsync(int fd) {
  return TheShim().Sync(fd, Real<int(int)>("fsync"));
}

int close(int fd) {
  Shim& shim = TheShim();
  {
    const std::scoped_lock lock(shim.mutex);
    shim.Unfollow(fd);
  }
  return Real<int(int)>("close")(fd);
}

}  // extern "C"
