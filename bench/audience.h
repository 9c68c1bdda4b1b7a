// Many watchers of one key, one writer that changes it, and the count of who has which change.
//
// Shape:   Grow() connects and subscribes; Publish() sends changes; Turn() reads what has come. A
//          change is complete when every watcher has it.
// Units:   changes are numbered from 1 and carry their number as the last eight digits of the
// value. Errors:  a watcher that gets something else than changes in order ends the generator
// (die.h). One
//          that gets a newer change instead of several (a lagging one may) is counted in Skipped().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "change_reader.h"
#include "connection.h"
#include "histogram.h"
#include "options.h"
#include "poller.h"

namespace nunc::bench {

class Audience {
 public:
  // Called with the first and last change that a watcher has just got, and the time.
  using OnChange = std::function<void(std::uint64_t, std::uint64_t, std::int64_t)>;

  Audience(const Options& options, std::string key);

  void Grow(std::uint32_t watchers);
  void Publish(std::uint32_t changes);
  // Waits for something to read, at most until `deadline_ns`, and reads it.
  void Turn(std::int64_t deadline_ns, const OnChange& on_change);
  // Turns until everything published is complete; ends the generator after 20 seconds.
  void Finish(const OnChange& on_change);

  // A descriptor to look at between the others, without waiting behind thousands of them.
  void Prefer(int fd, std::function<void()> on_readable);

  [[nodiscard]] std::size_t Watchers() const { return watchers_.size(); }
  [[nodiscard]] std::uint64_t Published() const { return published_; }
  [[nodiscard]] std::uint64_t Completed() const { return completed_; }
  [[nodiscard]] std::uint64_t Deliveries() const { return deliveries_; }
  // From sending a change until the last watcher has it.
  [[nodiscard]] Histogram& ToTheLast() { return to_the_last_; }
  [[nodiscard]] std::uint64_t Skipped() const { return skipped_; }

 private:
  struct Watcher {
    Connection connection;
    ChangeReader reader;
    std::uint64_t last_change = 0;
  };

  static constexpr std::size_t kRing = 8192;  // above any window of changes in flight
  static constexpr std::uint32_t kWriterTag = 0xFFFFFFFF;
  static constexpr std::uint32_t kPreferredTag = 0xFFFFFFFE;

  void ReadWatcher(Watcher& watcher, const OnChange& on_change);
  void DrainWriter();

  const Options& options_;
  std::string key_;
  std::string padding_;
  Connection writer_;
  Poller poller_;
  std::vector<Watcher> watchers_;
  std::function<void()> on_preferred_;
  std::array<std::uint32_t, kRing> have_{};  // per change in flight: watchers that have it
  std::array<std::int64_t, kRing> sent_ns_{};
  Histogram to_the_last_;
  std::uint64_t published_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t deliveries_ = 0;
  std::uint64_t skipped_ = 0;
  ReadBuffer buffer_;
};

}  // namespace nunc::bench
