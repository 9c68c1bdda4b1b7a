#include "core/retries.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/hash.h"
#include "core/conflicts.h"

namespace nunc {
namespace {

// What malloc gives for one session in both orders.
constexpr std::size_t kSessionBytes = 256;
// Of a result, with what it keeps elsewhere for a single write.
constexpr std::size_t kResultBytes = sizeof(RetryResult) + 32;

std::int64_t NumberIn(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  return fault == std::errc{} && end == text.data() + text.size() ? number : 0;
}

// The entries of the queue follow from the key that waits.
RetryResult ResultOf(const Record& record) {
  RetryResult result{.sequence = record.retry.sequence, .revision = record.revision};
  for (const RecordItem& item : record.items) {
    if (const std::optional<ConflictName> conflict = ParseConflictKey(item.key); conflict) {
      result.number = conflict->id.value;
      continue;
    }
    const bool removes = item.type == RecordType::kRemove;
    result.in_conflict = result.in_conflict || item.type == RecordType::kMark;
    result.request = NextRequestMark(result.request, item.key, removes);
    result.versions.push_back(removes ? -1 : std::int64_t{item.version});
  }
  if (record.items.size() == 1) {
    result.number = NumberIn(record.items.front().value);
  }
  return result;
}

}  // namespace

std::uint32_t NextRequestMark(std::uint32_t before, std::string_view key, bool removes) {
  return static_cast<std::uint32_t>(
      HashBytes(key, (std::uint64_t{before} << 1U) | (removes ? 1U : 0U)));
}

Retries::Found Retries::Find(DatabaseId database, const RetryName& name, Revision newest) const {
  const auto found = sessions_.find({database, name.session.owner()});
  if (found == sessions_.end()) {
    // What a name says of its beginning: core/ids.h.
    const Revision began{name.session.low};
    return {.known = began < forgotten_ || began > newest ? Known::kForgotten : Known::kNew};
  }
  const RetryState& session = found->second;
  const auto result =
      std::ranges::lower_bound(session.results, name.sequence, {}, &RetryResult::sequence);
  if (result != session.results.end() && result->sequence == name.sequence) {
    return {.known = Known::kDone, .session = &session, .result = &*result};
  }
  return {.known = name.sequence <= session.floor ? Known::kForgotten : Known::kNew,
          .session = &session};
}

Retries::Was Retries::Note(const Record& record) {
  const Key key{record.database, record.retry.session};
  if (!record.retry.begins && !sessions_.contains(key)) {
    forgotten_ = std::max(forgotten_, record.revision);
    return {.database = record.database, .id = record.retry, .noted = false};
  }
  const auto [found, began] = sessions_.try_emplace(key);
  RetryState& session = found->second;
  Was was{.database = record.database,
          .id = record.retry,
          .began = began,
          .floor = session.floor,
          .newest = session.newest,
          .time_us = session.time_us};
  session.session = record.retry.session;
  Touch(key, session, record.revision, record.time_us);
  Insert(session, ResultOf(record), was);
  ForgetOld(record.time_us);
  return was;
}

void Retries::Touch(const Key& key, RetryState& session, Revision newest, std::int64_t time_us) {
  by_newest_.erase({session.newest, key});
  by_newest_.emplace(newest, key);
  session.newest = newest;
  session.time_us = time_us;
}

void Retries::Insert(RetryState& session, RetryResult result, Was& was) {
  results_ += result.versions.size();
  const auto place =
      std::ranges::lower_bound(session.results, result.sequence, {}, &RetryResult::sequence);
  if (place != session.results.end() && place->sequence == result.sequence) {
    results_ -= place->versions.size();
    was.lost = std::exchange(*place, std::move(result));
    return;
  }
  session.results.insert(place, std::move(result));
  if (session.results.size() > kRetriesPerSessionMax) {
    ForgetLowest(session, was);
  }
}

void Retries::ForgetLowest(RetryState& session, Was& was) {
  was.lost = std::move(session.results.front());
  session.results.erase(session.results.begin());
  results_ -= was.lost->versions.size();
  session.floor = std::max(session.floor, was.lost->sequence);
}

// The one that has just been noted is the newest, and stays: without its floor it would take again
// what it has done.
void Retries::ForgetOld(std::int64_t now_us) {
  for (std::size_t i = 0; i < kRetrySessionsForgottenAtOnce && by_newest_.size() > 1; ++i) {
    if (now_us - sessions_.find(by_newest_.begin()->second)->second.time_us <= kRetryAgeUsMax) {
      break;
    }
    ForgetOldest();
  }
  ForgetWhatIsTooMuch();
}

void Retries::ForgetWhatIsTooMuch() {
  while ((results_ > results_max_ || sessions_.size() > results_max_) && by_newest_.size() > 1) {
    ForgetOldest();
  }
}

void Retries::ForgetOldest() {
  const auto oldest = sessions_.find(by_newest_.begin()->second);
  forgotten_ = std::max(forgotten_, oldest->second.newest);
  Erase(oldest);
}

void Retries::Erase(Sessions::iterator session) {
  for (const RetryResult& result : session->second.results) {
    results_ -= result.versions.size();
  }
  by_newest_.erase({session->second.newest, session->first});
  sessions_.erase(session);
}

void Retries::TakeBack(const Was& was) {
  const auto found = sessions_.find({was.database, was.id.session});
  if (!was.noted || found == sessions_.end()) {
    return;
  }
  if (was.began) {
    return Erase(found);
  }
  RetryState& session = found->second;
  Touch(found->first, session, was.newest, was.time_us);
  session.floor = was.floor;
  const auto result =
      std::ranges::lower_bound(session.results, was.id.sequence, {}, &RetryResult::sequence);
  const bool is_there = result != session.results.end() && result->sequence == was.id.sequence;
  // Lost, and not there: it was below the window itself.
  const bool comes_back = was.lost && (is_there || was.lost->sequence != was.id.sequence);
  if (is_there) {
    results_ -= result->versions.size();
    session.results.erase(result);
  }
  if (comes_back) {
    results_ += was.lost->versions.size();
    session.results.insert(
        std::ranges::lower_bound(session.results, was.lost->sequence, {}, &RetryResult::sequence),
        *was.lost);
  }
}

bool Retries::Load(DatabaseId database, RetryState state) {
  const Key key{database, state.session};
  if (sessions_.contains(key)) {
    return false;
  }
  by_newest_.emplace(state.newest, key);
  for (const RetryResult& result : state.results) {
    results_ += result.versions.size();
  }
  sessions_.emplace(key, std::move(state));
  ForgetWhatIsTooMuch();
  return true;
}

void Retries::FinishLoading() {
  while (!by_newest_.empty() && by_newest_.begin()->first <= forgotten_) {
    ForgetOldest();
  }
}

void Retries::Clear() {
  sessions_.clear();
  by_newest_.clear();
  results_ = 0;
  forgotten_ = {};
}

const RetryState* Retries::NextOf(DatabaseId database, std::uint64_t after_session) const {
  const auto next = sessions_.upper_bound({database, after_session});
  return next != sessions_.end() && next->first.first == database ? &next->second : nullptr;
}

std::size_t Retries::bytes() const {
  return sessions_.size() * kSessionBytes + results_ * kResultBytes;
}

}  // namespace nunc
