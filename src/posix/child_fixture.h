// For tests of what the machine refuses: a child process in which things can be broken.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace nunc {

// A folder of its own for a test, removed with all that is in it.
class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What `body` gives when a child process runs it; "died" when it did not come back.
std::string InChild(const std::function<std::string()>& body);

// For the child. False when the machine does not let us.
bool BecomeNobody();
bool MountSmallDisk(const std::string& folder, std::size_t bytes);
// From now on that system call fails with `code` (an errno).
bool RefuseSystemCall(int number, int code);

inline constexpr unsigned kNobody = 65534;

}  // namespace nunc
