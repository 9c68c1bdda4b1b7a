#include "core/pattern_watches.h"

#include <algorithm>

#include "base/check.h"

namespace nunc {

void PatternWatches::Put(List& list, PatternWatch& watch) {
  watch.place = list.size();
  list.push_back(&watch);
}

void PatternWatches::Take(List& list, const PatternWatch& watch) {
  CHECK(watch.place < list.size() && list[watch.place] == &watch);
  list[watch.place] = list.back();
  list[watch.place]->place = watch.place;
  list.pop_back();
}

PatternWatches::List& PatternWatches::ListOf(Lists& lists, const PatternWatch& watch) {
  const bool rests = watch.place < lists.resting.size() && lists.resting[watch.place] == &watch;
  return rests ? lists.resting : watch.one_key ? lists.of_one : lists.of_many;
}

void PatternWatches::Add(PatternWatch& watch) {
  Lists& lists = by_prefix_[watch.prefix];
  Put(watch.one_key ? lists.of_one : lists.of_many, watch);
}

void PatternWatches::Remove(PatternWatch& watch) {
  const auto found = by_prefix_.find(watch.prefix);
  CHECK(found != by_prefix_.end());
  Take(ListOf(found->second, watch), watch);
  watch.Stop();
  if (found->second.empty()) {
    by_prefix_.erase(found);
  }
}

void PatternWatches::Settle(PatternWatch& watch) {
  Lists& lists = by_prefix_.find(watch.prefix)->second;
  List& from = ListOf(lists, watch);
  List& to = watch.resting ? lists.resting : watch.one_key ? lists.of_one : lists.of_many;
  if (&from != &to) {
    Take(from, watch);
    Put(to, watch);
  }
}

std::vector<PatternWatch*> PatternWatches::All() const {
  std::vector<PatternWatch*> all;
  for (const auto& [prefix, lists] : by_prefix_) {
    lists.ForEach([&all](PatternWatch& watch) { all.push_back(&watch); });
  }
  return all;
}

PatternWatches::Map::iterator PatternWatches::LongestIn(std::string_view key,
                                                        std::string_view upto) {
  for (;;) {
    auto found = by_prefix_.upper_bound(upto);
    if (found == by_prefix_.begin()) {
      return by_prefix_.end();
    }
    --found;
    const std::string& prefix = found->first;
    if (key.starts_with(prefix)) {
      return found;
    }
    // What is shorter than the part that both share cannot be passed over; what is longer differs
    // from the key.
    const auto [in_key, in_prefix] =
        std::mismatch(key.begin(), key.end(), prefix.begin(), prefix.end());
    upto = key.substr(0, static_cast<std::size_t>(in_key - key.begin()));
  }
}

}  // namespace nunc
