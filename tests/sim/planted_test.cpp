// Plants each bug of a list and runs the simulator until it finds it: a simulator that is green
// over a bug proves nothing.
//
// usage: planted_test LIST [BUG]; LIST is planted.txt, BUG one of its names. The scripts of a
// cluster are in the folder `scripts` beside LIST. For tools that look at this file without the
// build's flags.
#ifndef NUNC_PLANTED_BUGS
#define NUNC_PLANTED_BUGS
#endif

#include "base/planted.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cluster_script.h"
#include "sim/cluster_world.h"
#include "sim/fleet.h"
#include "sim/watch_world.h"
#include "sim/world.h"

namespace nunc {
namespace {

constexpr std::int64_t kDurationUs = 5'000'000;
constexpr int kWatchTurns = 500;
constexpr int kWatchTurnsToRest = 100;

struct NamedBug {
  std::string_view name;
  Bug bug = Bug::kNone;
};
constexpr NamedBug kBugs[] = {
    {"none", Bug::kNone},
    {"skip-log-sync", Bug::kSkipLogSync},
    {"syncs-share-file", Bug::kSyncsShareFile},
    {"skip-folder-sync", Bug::kSkipFolderSync},
    {"bad-checksum", Bug::kBadChecksum},
    {"no-chain", Bug::kNoChain},
    {"ack-before-write", Bug::kAckBeforeWrite},
    {"gate-at-written", Bug::kGateAtWritten},
    {"snapshot-before-durable", Bug::kSnapshotBeforeDurable},
    {"snapshot-cut-short", Bug::kSnapshotCutShort},
    {"snapshot-not-synced", Bug::kSnapshotNotSynced},
    {"clean-too-much", Bug::kCleanTooMuch},
    {"replay-late", Bug::kReplayLate},
    {"mark-ahead", Bug::kMarkAhead},
    {"torn-below-mark", Bug::kTornBelowMark},
    {"no-copy-at-start", Bug::kNoCopyAtStart},
    {"mark-not-logged", Bug::kMarkNotLogged},
    {"tombstone-not-replayed", Bug::kTombstoneNotReplayed},
    {"term-not-raised", Bug::kTermNotRaised},
    {"held-again", Bug::kHeldAgain},
    {"deferred-sync", Bug::kDeferredSync},
    {"admin-arbiter-refused", Bug::kAdminArbiterRefused},
    {"lifetime-not-replayed", Bug::kLifetimeNotReplayed},
    {"lifetime-kept-by-set", Bug::kLifetimeKeptBySet},
    {"lifetime-not-in-snapshot", Bug::kLifetimeNotInSnapshot},
    {"lifetime-of-old-session", Bug::kLifetimeOfOldSession},
    {"cluster-vote-unchecked", Bug::kClusterVoteUnchecked},
    {"cluster-vote-on-written", Bug::kClusterVoteOnWritten},
    {"cluster-vote-not-stored", Bug::kClusterVoteNotStored},
    {"cluster-vote-forgotten", Bug::kClusterVoteForgotten},
    {"cluster-vote-twice", Bug::kClusterVoteTwice},
    {"cluster-term-not-stored", Bug::kClusterTermNotStored},
    {"cluster-probe-disturbs", Bug::kClusterProbeDisturbs},
    {"cluster-minority-wins", Bug::kClusterMinorityWins},
    {"cluster-no-noop", Bug::kClusterNoNoop},
    {"cluster-old-term-counted", Bug::kClusterOldTermCounted},
    {"cluster-previous-unchecked", Bug::kClusterPreviousUnchecked},
    {"cluster-tail-kept", Bug::kClusterTailKept},
    {"cluster-durable-kept", Bug::kClusterDurableKept},
    {"cluster-config-kept", Bug::kClusterConfigKept},
    {"cluster-ack-whole-log", Bug::kClusterAckWholeLog},
    {"cluster-ack-early", Bug::kClusterAckEarly},
    {"cluster-commit-ahead", Bug::kClusterCommitAhead},
    {"cluster-lease-from-arrival", Bug::kClusterLeaseFromArrival},
    {"cluster-learner-counts", Bug::kClusterLearnerCounts},
    {"cluster-two-changes", Bug::kClusterTwoChanges},
    {"cluster-take-over-early", Bug::kClusterTakeOverEarly},
    {"cluster-floor-ignored", Bug::kClusterFloorIgnored},
    {"cluster-floor-not-stored", Bug::kClusterFloorNotStored},
    {"cluster-floor-ahead", Bug::kClusterFloorAhead},
    {"cluster-floor-of-nobody", Bug::kClusterFloorOfNobody},
    {"cluster-arbiter-counts", Bug::kClusterArbiterCounts},
    {"fleet-shown-early", Bug::kFleetShownEarly},
    {"fleet-loaded-untold", Bug::kFleetLoadedUntold},
    {"fleet-rewind-mark-kept", Bug::kFleetRewindMarkKept},
    {"fleet-answered-early", Bug::kFleetAnsweredEarly},
    {"fleet-lost-is-refused", Bug::kFleetLostIsRefused},
    {"fleet-sync-without-chain", Bug::kFleetSyncWithoutChain},
    {"fleet-sync-records-lost", Bug::kFleetSyncRecordsLost},
    {"fleet-retries-lost", Bug::kFleetRetriesLost},
    {"fleet-sync-file-first", Bug::kFleetSyncFileFirst},
    {"watch-delta-late", Bug::kWatchDeltaLate},
    {"watch-tombstone-untold", Bug::kWatchTombstoneUntold},
    {"watch-listed-twice", Bug::kWatchListedTwice},
    {"watch-listed-lost", Bug::kWatchListedLost},
    {"watch-token-ahead", Bug::kWatchTokenAhead},
    {"watch-ready-early", Bug::kWatchReadyEarly},
    {"watch-ready-for-all", Bug::kWatchReadyForAll},
    {"watch-progress-behind", Bug::kWatchProgressBehind},
    {"watch-horizon-ignored", Bug::kWatchHorizonIgnored},
    {"watch-horizon-once", Bug::kWatchHorizonOnce},
    {"watch-missed-forgotten", Bug::kWatchMissedForgotten},
    {"watch-missed-twice", Bug::kWatchMissedTwice},
    {"watch-lag-unnoted", Bug::kWatchLagUnnoted},
    {"watch-lag-told", Bug::kWatchLagTold},
    {"watch-mark-lost", Bug::kWatchMarkLost},
    {"watch-unsynced-listed", Bug::kWatchUnsyncedListed},
    {"watch-unsynced-walked", Bug::kWatchUnsyncedWalked},
    {"watch-unsynced-told", Bug::kWatchUnsyncedTold},
    {"watch-longest-alone", Bug::kWatchLongestAlone},
    {"watch-each-told", Bug::kWatchEachTold},
    {"watch-not-ended", Bug::kWatchNotEnded},
    {"watch-rights-ignored", Bug::kWatchRightsIgnored},
    {"watch-secure-shown", Bug::kWatchSecureShown},
    {"watch-rights-kept", Bug::kWatchRightsKept},
    {"watch-rights-away", Bug::kWatchRightsAway},
    {"watch-rewound-good", Bug::kWatchRewoundGood},
    {"watch-key-horizon", Bug::kWatchKeyHorizon},
    {"watch-unit-split", Bug::kWatchUnitSplit},
    {"watch-unit-open", Bug::kWatchUnitOpen},
    {"watch-connections-lost", Bug::kWatchConnectionsLost},
    {"watch-trailing-lost", Bug::kWatchTrailingLost},
    {"watch-rate-exceeded", Bug::kWatchRateExceeded},
    {"watch-key-rights-kept", Bug::kWatchKeyRightsKept},
    {"watch-old-user", Bug::kWatchOldUser},
    {"watch-gap-untold", Bug::kWatchGapUntold},
    {"watch-all-reordered", Bug::kWatchAllReordered},
    {"watch-lifetime-short", Bug::kWatchLifetimeShort},
    {"watch-lifetime-long", Bug::kWatchLifetimeLong},
    {"watch-lifetime-unwoken", Bug::kWatchLifetimeUnwoken},
    {"watch-lifetime-unowned", Bug::kWatchLifetimeUnowned},
    {"watch-follow-rights", Bug::kWatchFollowRights},
    {"watch-follow-expires", Bug::kWatchFollowExpires},
    {"watch-follow-term", Bug::kWatchFollowTerm},
    {"watch-rewind-lifetime", Bug::kRewindLifetime},
    {"watch-rewind-tombstone", Bug::kRewindTombstone},
    {"watch-rewind-order", Bug::kRewindOrder},
    {"watch-rewind-untold", Bug::kRewindUntold},
    {"watch-rewind-pattern-untold", Bug::kRewindPatternUntold},
    {"watch-rewind-token", Bug::kRewindToken},
    {"fleet-retries-rewound", Bug::kRewindRetry},
    {"watch-rewind-held", Bug::kRewindHeld},
};

struct Line {
  std::string name;
  std::uint64_t seeds = 0;  // 1 .. this one
};

// `NAME SEEDS`, and behind a `#` what people are told.
std::optional<Line> Parse(const std::string& text) {
  std::istringstream words(text.substr(0, text.find('#')));
  Line line;
  words >> line.name >> line.seeds;
  return line.name.empty() ? std::nullopt : std::optional(line);
}

// The first script that does not happen as it stands there.
std::optional<std::string> BrokenScript(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  for (const auto& path : paths) {
    std::ifstream file(path);
    const std::string script{std::istreambuf_iterator<char>(file), {}};
    if (script.empty() || ClusterScript::Run(script) != script) {
      return "script " + path.filename().string();
    }
  }
  return paths.empty() ? std::optional<std::string>("no scripts") : std::nullopt;
}

// What one seed finds. Bugs of the delivery to watchers, of clusters and of whole nodes in one have
// worlds of their own.
std::optional<std::string> Violation(std::string_view name, std::uint64_t seed) {
  if (name.starts_with("cluster-floor-") || name == "cluster-arbiter-counts") {
    return SimulateCluster({.seed = seed, .duration_us = kDurationUs, .arbiter_node = true})
        .violation;
  }
  if (name.starts_with("cluster-")) {
    return SimulateCluster(
               {.seed = seed, .nodes = seed % 2 == 0 ? 5U : 3U, .duration_us = kDurationUs})
        .violation;
  }
  if (name.starts_with("fleet-")) {
    return SimulateFleet({.seed = seed,
                          .cleans = name.starts_with("fleet-sync-"),
                          .counts = name.starts_with("fleet-retries-")})
        .violation;
  }
  if (!name.starts_with("watch-")) {
    return Simulate({.seed = seed, .duration_us = kDurationUs, .tell = {}}).violation;
  }
  WatchWorld world(seed);
  for (int i = 1; i <= kWatchTurns; ++i) {
    std::string broken = world.Happen();
    if (broken.empty() && i % kWatchTurnsToRest == 0) {
      broken = world.Rest();
    }
    if (!broken.empty()) {
      return broken;
    }
  }
  return std::nullopt;
}

// Is it as the list says: found within its seeds, or with no bug planted never?
bool Run(const Line& line, const std::filesystem::path& scripts) {
  const auto* found = std::ranges::find(kBugs, std::string_view(line.name), &NamedBug::name);
  if (found == std::end(kBugs) || line.seeds == 0) {
    std::cout << line.name << ": not a bug, or no seeds\n";
    return false;
  }
  ChosenBug() = found->bug;
  if (line.name.starts_with("cluster-") || line.name == "none") {
    if (const std::optional<std::string> broken = BrokenScript(scripts); broken) {
      std::cout << line.name << ": " << *broken << std::endl;
      return ChosenBug() != Bug::kNone;
    }
  }
  for (std::uint64_t seed = 1; seed <= line.seeds; ++seed) {
    if (const std::optional<std::string> violation = Violation(line.name, seed); violation) {
      std::cout << line.name << ": seed " << seed << ", " << *violation << std::endl;
      return ChosenBug() != Bug::kNone;
    }
  }
  std::cout << line.name << ": not found in " << line.seeds << " seeds" << std::endl;
  return ChosenBug() == Bug::kNone;
}

int Main(const char* list, std::string_view only) {
  std::ifstream file(list);
  std::string text;
  std::size_t ran = 0;
  bool good = true;
  while (std::getline(file, text)) {
    const std::optional<Line> line = Parse(text);
    if (line && (only.empty() || only == line->name)) {
      good = Run(*line, std::filesystem::path(list).parent_path() / "scripts") && good;
      ++ran;
    }
  }
  if (ran == 0 || (only.empty() && ran != std::size(kBugs))) {
    std::cout << "the list has " << ran << " of " << std::size(kBugs) << " bugs\n";
    return EXIT_FAILURE;
  }
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace nunc

int main(int argc, char** argv) {
  return argc < 2 ? EXIT_FAILURE : nunc::Main(argv[1], argc > 2 ? argv[2] : "");
}
