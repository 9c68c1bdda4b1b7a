// Those of a fleet's clients who count: each number once, though they ask as often as they must.
#include <algorithm>
#include <iterator>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/fleet.h"

namespace nunc {
namespace {

// What is remembered of what was answered: less than the nodes must remember.
constexpr std::size_t kRemembered = kRetriesPerSessionMax - 4;

// Session, sequence and revision of all that is in the retry table.
std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>> RetriesOf(
    const Store& store, std::string_view name) {
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>> all;
  const DatabaseId database = store.Find(name)->id();
  const RetryState* state = store.retries().NextOf(database, 0);
  for (; state != nullptr; state = store.retries().NextOf(database, state->session)) {
    for (const RetryResult& result : state->results) {
      all.emplace_back(state->session, result.sequence, result.revision.value);
    }
  }
  return all;
}

}  // namespace

void Fleet::CountSomething(Machine& machine) {
  Counter& counter = counters_[prng_.Below(counters_.size())];
  if (!counter.done.empty() && !quiet_ && prng_.Chance(1, 8)) {
    const std::size_t which = prng_.Below(counter.done.size());
    return Count(machine, counter,
                 std::next(counter.done.begin(), static_cast<std::ptrdiff_t>(which))->first);
  }
  const bool again =
      !counter.gives_up && counter.sequence > 0 && !counter.done.contains(counter.sequence);
  if (counter.waits || (quiet_ && !again)) {
    return;
  }
  report_.asked_again += again ? 1U : 0U;
  Count(machine, counter, again ? counter.sequence : counter.sequence + 1);
}

void Fleet::Count(Machine& machine, Counter& counter, std::uint64_t sequence) {
  const Command increment{.verb = Verb::kIncrement,
                          .key = counter.key,
                          .retry = {.session = counter.session, .sequence = sequence}};
  if (machine.node->PauseBefore(kCounting, increment, 0) != Pause::kNone) {
    return;
  }
  if (!counter.done.contains(sequence)) {
    counter.sequence = sequence;
    counter.waits = true;
  }
  machine.counted.push_back({.counter = &counter, .sequence = sequence});
  Run(machine, kCounting, increment);
}

void Fleet::HearCounted(const Counted& counted, const Reply& reply) {
  if (counted.counter == nullptr) {
    return;
  }
  Counter& counter = *counted.counter;
  const std::string name = counter.key + " " + std::to_string(counted.sequence);
  const auto done = counter.done.find(counted.sequence);
  const bool awaited = done == counter.done.end() && counted.sequence == counter.sequence;
  counter.waits = counter.waits && !awaited;
  if (reply.kind != ReplyKind::kOk) {
    // It was long on its way, and others have been counted meanwhile.
    const bool late = reply.error == ErrorCode::kSequenceForgotten &&
                      counted.sequence + kRetriesPerSessionMax <= counter.sequence;
    if (!late && reply.error != ErrorCode::kUnknownOutcome &&
        reply.error != ErrorCode::kNotPrimary) {
      Violate(name + " is refused: " + std::to_string(static_cast<int>(reply.error)));
    }
    return;
  }
  if (!counter.gives_up && reply.text != std::to_string(counted.sequence)) {
    Violate(name + " is answered " + std::string(reply.text));
  }
  if (done != counter.done.end() && done->second != reply.revision) {
    Violate(name + " was done at revision " + std::to_string(done->second.value) + ", and now at " +
            std::to_string(reply.revision.value));
  }
  if (awaited) {
    counter.done.emplace(counted.sequence, reply.revision);
    ++counter.answered;
    ++report_.counted;
  }
  if (counter.done.size() > kRemembered) {
    counter.done.erase(counter.done.begin());
  }
}

// Whether they have been done nobody will say.
void Fleet::LoseCounted(Machine& machine) {
  for (const Counted& counted : std::exchange(machine.counted, {})) {
    if (counted.counter != nullptr && counted.sequence == counted.counter->sequence) {
      counted.counter->waits = false;
    }
  }
}

void Fleet::CheckCounts(const Machine& machine) {
  const Store& store = machine.node->store();
  for (const Counter& counter : counters_) {
    const Entry* entry = store.Find("final")->Find(counter.key);
    const std::uint64_t count = entry == nullptr ? 0 : std::stoull(std::string(entry->value()));
    const bool known = counter.gives_up || counter.answered == counter.sequence;
    if (!known || count < counter.answered || count > counter.sequence) {
      Violate(counter.key + " is " + std::to_string(count) + " where " +
              std::to_string(counter.answered) + " of " + std::to_string(counter.sequence) +
              " were counted");
    }
  }
  const Machine* primary = Primary();
  if (primary != nullptr &&
      RetriesOf(store, "final") != RetriesOf(primary->node->store(), "final")) {
    Violate("what may come again is not known alike");
  }
}

}  // namespace nunc
