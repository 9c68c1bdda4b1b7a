// Plants each bug of a list and runs the simulator until it finds it: a simulator that is green
// over a bug proves nothing.
//
// usage: planted_test LIST [BUG]; LIST is planted.txt, BUG one of its names.
// For tools that look at this file without the build's flags.
#ifndef NUNC_PLANTED_BUGS
#define NUNC_PLANTED_BUGS
#endif

#include "base/planted.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "sim/world.h"

namespace nunc {
namespace {

constexpr std::int64_t kDurationUs = 5'000'000;

struct NamedBug {
  std::string_view name;
  Bug bug = Bug::kNone;
};
constexpr NamedBug kBugs[] = {
    {"none", Bug::kNone},
    {"skip-log-sync", Bug::kSkipLogSync},
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

// Is it as the list says: found within its seeds, or with no bug planted never?
bool Run(const Line& line) {
  const auto* found = std::ranges::find(kBugs, std::string_view(line.name), &NamedBug::name);
  if (found == std::end(kBugs) || line.seeds == 0) {
    std::cout << line.name << ": not a bug, or no seeds\n";
    return false;
  }
  ChosenBug() = found->bug;
  for (std::uint64_t seed = 1; seed <= line.seeds; ++seed) {
    const WorldReport report = Simulate({.seed = seed, .duration_us = kDurationUs, .tell = {}});
    if (report.violation) {
      std::cout << line.name << ": seed " << seed << ", " << *report.violation << std::endl;
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
      good = Run(*line) && good;
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
