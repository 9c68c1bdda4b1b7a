#include "core/pattern_watches.h"

#include <algorithm>

#include "base/check.h"

namespace nunc {

void PatternWatches::Remove(const PatternWatch& watch) {
  const auto found = by_prefix_.find(watch.prefix);
  CHECK(found != by_prefix_.end());
  std::erase(found->second, &watch);
  if (found->second.empty()) {
    by_prefix_.erase(found);
  }
}

PatternWatches::Map::const_iterator PatternWatches::LongestIn(std::string_view key,
                                                              std::string_view upto) const {
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
