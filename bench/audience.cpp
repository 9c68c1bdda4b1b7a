#include "audience.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "clock.h"
#include "die.h"

namespace nunc::bench {

namespace {

constexpr std::size_t kReadsBetweenLooks = 8;
constexpr std::int64_t kFinishNs = 20 * kNsPerSecond;

}  // namespace

Audience::Audience(const Options& options, std::string key)
    : options_(options),
      key_(std::move(key)),
      padding_(options.value_bytes - kSequenceDigits, 'x'),
      writer_(Connection::Open(options.target)),
      poller_(options.spin) {
  poller_.Watch(writer_.Fd(), kWriterTag);
}

void Audience::Grow(std::uint32_t watchers) {
  const Dialect& dialect = options_.target.dialect;
  const std::string request = dialect.Watch(key_);
  const std::string reply = dialect.WatchReply(key_);
  while (watchers_.size() < watchers) {
    watchers_.push_back({.connection = Connection::Open(options_.target),
                         .reader = ChangeReader(),
                         .last_change = published_});
    const Connection& connection = watchers_.back().connection;
    connection.Ask(request, reply);
    poller_.Watch(connection.Fd(), static_cast<std::uint32_t>(watchers_.size() - 1));
  }
}

void Audience::Publish(std::uint32_t changes) {
  std::string bytes;
  const std::int64_t now = NowNs();
  for (std::uint32_t i = 0; i < changes; ++i) {
    ++published_;
    sent_ns_[published_ % kRing] = now;
    bytes += options_.target.dialect.Change(key_, padding_ + SequenceDigits(published_));
  }
  if (published_ - completed_ > kRing) Die("too many changes in flight: the server falls behind");
  writer_.Send(bytes);
}

void Audience::Prefer(int fd, std::function<void()> on_readable) {
  on_preferred_ = std::move(on_readable);
  poller_.Watch(fd, kPreferredTag);
}

void Audience::Turn(std::int64_t deadline_ns, const OnChange& on_change) {
  std::size_t reads = 0;
  for (const epoll_event& event : poller_.Wait(deadline_ns)) {
    if (on_preferred_ && (event.data.u32 == kPreferredTag || reads % kReadsBetweenLooks == 0)) {
      on_preferred_();
    }
    ++reads;
    if (event.data.u32 == kWriterTag) {
      DrainWriter();
    } else if (event.data.u32 != kPreferredTag) {
      ReadWatcher(watchers_[event.data.u32], on_change);
    }
  }
}

void Audience::Finish(const OnChange& on_change) {
  const std::int64_t deadline = NowNs() + kFinishNs;
  while (completed_ < published_) {
    if (NowNs() > deadline) Die("a change did not reach every watcher within 20 seconds");
    Turn(deadline, on_change);
  }
}

void Audience::ReadWatcher(Watcher& watcher, const OnChange& on_change) {
  const std::span<char> space = buffer_.Space();
  std::size_t size = space.size();
  while (size == space.size()) {
    size = watcher.connection.Receive(space);
    if (size == 0) return;
    const ChangeReader::Counted counted =
        watcher.reader.Feed(options_.target.dialect, buffer_, size);
    if (std::string& answers = watcher.reader.Answers(); !answers.empty()) {
      watcher.connection.Send(answers);
      answers.clear();
    }
    if (counted.changes == 0) continue;
    const std::uint64_t first = watcher.last_change + 1;
    if (counted.last < watcher.last_change + counted.changes || counted.last > published_) {
      Die("a watcher got a change twice, out of order, or one never made");
    }
    skipped_ += counted.last - watcher.last_change - counted.changes;
    deliveries_ += counted.changes;
    for (std::uint64_t i = first; i <= counted.last; ++i)
      ++have_[i % kRing];
    watcher.last_change = counted.last;
    while (completed_ < published_ && have_[(completed_ + 1) % kRing] == watchers_.size()) {
      ++completed_;
      to_the_last_.Add(NowNs() - sent_ns_[completed_ % kRing]);
      have_[completed_ % kRing] = 0;
    }
    if (on_change) on_change(first, counted.last, NowNs());
  }
}

void Audience::DrainWriter() {
  const std::span<char> space = buffer_.Space();
  std::size_t size = space.size();
  while (size == space.size()) {
    size = writer_.Receive(space);
    const std::string_view text(space.data(), size);
    if (text.contains("error") || text.starts_with('-')) Die("refused: " + std::string(text));
  }
}

}  // namespace nunc::bench
