// Opens the data folder and takes it for this process, or says to people what is in the way.
//
// Shape:   an exclusive flock on the file LOCK in the folder, held as long as the Folder lives. The
//          file stays behind: removing it would let two processes each lock a LOCK of their own.
// Errors:  kNotFound: no such folder. kInvalid: the path cannot be a folder. kUnavailable: not
//          allowed, read-only, or in use. kNoSpace, kIo: as the system says.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "posix/descriptor.h"

namespace nunc {

inline constexpr std::string_view kLockName = "LOCK";

enum class FolderAccess : std::uint8_t {
  kCreate,    // makes the folder if there is none; its parent must exist
  kExisting,  // the folder must exist
  kReadOnly,  // for offline tools: takes no lock and changes nothing
};

struct Folder {
  std::string path;  // without a slash at its end
  Descriptor directory;
  Descriptor lock;  // none with kReadOnly
};

Result<Folder> OpenFolder(const std::string& path, FolderAccess access);

// The error for `code` (an errno): `what` it was, `path`, and the system's words.
Error SystemError(std::string_view what, const std::string& path, int code);

// The same call again while a signal interrupts it.
template <class Call>
auto Uninterrupted(Call call) {
  auto outcome = call();
  while (outcome < 0 && errno == EINTR) {
    outcome = call();
  }
  return outcome;
}

}  // namespace nunc
