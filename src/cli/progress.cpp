#include "cli/progress.h"

#include <algorithm>
#include <iostream>
#include <unistd.h>
#include <utility>

#include "base/little_endian.h"
#include "storage/block.h"
#include "storage/snapshot_head.h"

namespace nunc {
namespace {

// In the head of a block (docs/formats-snapshot.md).
constexpr std::size_t kRawBytesAt = 8;
constexpr std::size_t kStoredBytesAt = 12;

}  // namespace

std::string ProgressText(std::uint64_t done, std::uint64_t all, Progress::Unit unit) {
  constexpr std::uint64_t kPlaces = 20;
  std::string count = unit == Progress::Unit::kBytes ? std::to_string(done >> 20U) + " MiB"
                                                     : std::to_string(done) + " entries";
  if (all == 0) {
    return count;
  }
  const std::uint64_t percent = std::min<std::uint64_t>(99, done / (all / 100 + 1));
  std::string text = std::to_string(percent) + " % [";
  text.append(percent * kPlaces / 100, '#');
  text.append(kPlaces - percent * kPlaces / 100, '.');
  return text + "] " + count;
}

Progress::Progress(std::string what, std::uint64_t all, Unit unit)
    : what_(std::move(what)), all_(all), unit_(unit), on_terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (!shown_.empty()) {
    std::cerr << '\n';
  }
}

void Progress::Show(std::uint64_t done) {
  if (!on_terminal_) {
    return;
  }
  std::string text = ProgressText(done, all_, unit_);
  if (text != shown_) {
    std::cerr << '\r' << what_ << ' ' << text << std::flush;
    shown_ = std::move(text);
  }
}

void RawCounter::Take(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::uint64_t skipped = std::min<std::uint64_t>(skip_, bytes.size());
    skip_ -= skipped;
    bytes.remove_prefix(static_cast<std::size_t>(skipped));
    const std::size_t wanted = in_blocks_ ? kBlockHeadBytes : kSnapshotPrefixBytes;
    const std::string_view part = bytes.substr(0, wanted - head_.size());
    head_ += part;
    bytes.remove_prefix(part.size());
    if (head_.size() < wanted) {
      continue;
    }
    if (in_blocks_) {
      raw_bytes_ += GetLittle<std::uint32_t>(head_, kRawBytesAt);
      skip_ = GetLittle<std::uint32_t>(head_, kStoredBytesAt);
    } else {
      // What is no backup is found out by who verifies it.
      const Result<std::size_t> length = SnapshotHeadBytes(head_);
      skip_ = length ? *length - head_.size() : UINT64_MAX;
      in_blocks_ = true;
    }
    head_.clear();
  }
}

}  // namespace nunc
