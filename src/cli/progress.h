// How far a backup or restore is, for who looks at a terminal.
//
// Shape:   Progress draws one line on standard error again and again, and only on a terminal.
//          RawCounter finds in the bytes of a backup how much has come before it was compressed,
//          for that is what the server estimates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nunc {

class Progress {
 public:
  enum class Unit : std::uint8_t { kBytes, kCount };

  // `all`: 0: unknown.
  Progress(std::string what, std::uint64_t all, Unit unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(std::uint64_t done);

 private:
  std::string what_;
  std::uint64_t all_;
  Unit unit_;
  bool on_terminal_;
  std::string shown_;
};

// `40 % [########............] 12 MiB`, of 20 places; never more than 99 % before it is over. Where
// `all` is 0 the last part alone.
std::string ProgressText(std::uint64_t done, std::uint64_t all, Progress::Unit unit);

class RawCounter {
 public:
  void Take(std::string_view bytes);
  [[nodiscard]] std::uint64_t raw_bytes() const { return raw_bytes_; }

 private:
  std::string head_;        // of the file or of the block that comes
  std::uint64_t skip_ = 0;  // bytes that are not looked at
  bool in_blocks_ = false;
  std::uint64_t raw_bytes_ = 0;
};

}  // namespace nunc
