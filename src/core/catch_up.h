// How far what a watch of a pattern was told reaches, when it is not live.
//
// Owner:   the watch; Delivery works on it.
// Source:  docs/delivery.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/ids.h"

namespace nunc {

class DeltaWalk;

// What one that begins, resumes or lagged has yet to hear. All of it is told in slices.
struct CatchUp {
  enum class Phase : std::uint8_t {
    kBehind,   // the session lags; nothing is told
    kListing,  // goes through the keys
    kWalking,  // goes through the revisions, with others
    kClosing,  // told is all, but some of it is not on disk
  };
  Phase phase = Phase::kBehind;
  std::string begins;  // with what; empty: it has been told
  bool begun = false;  // so, and a kReady ends it
  // kBehind, kWalking: all up to there has been told; what the walk has passed, too.
  Revision from{};
  std::string listed_to;  // of kListing: all keys up to it have been told
  // Of kListing and kClosing: all up to there has been told, except what the listing has yet to
  // meet; the session lagged, or what came was too much for the interval.
  std::optional<Revision> missed;
  Revision closes_at{};  // of kClosing
  // Of kBehind: what was told is what there was at `from`, and nothing else.
  bool exact = false;
  bool lazy = false;  // `begins` is told with the first key, and without one neither a `ready`
  std::vector<std::uint64_t> closing_keys{};  // hashes of those told this time
  std::shared_ptr<DeltaWalk> walk;            // of kWalking alone
  std::size_t member = 0;                     // of the walk
};

}  // namespace nunc
