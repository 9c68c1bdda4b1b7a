// What a power cut keeps, over many seeds: nothing that was synced is lost, and everything that
// may be lost is lost by some.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "sim/sim_disk.h"

namespace nunc {
namespace {

constexpr std::uint64_t kSeeds = 300;

struct Machine {
  explicit Machine(std::uint64_t seed) : prng(seed) {}

  std::unique_ptr<File> Open(std::string_view name, OpenMode mode) {
    Result<std::unique_ptr<File>> file = disk.Open(name, mode);
    EXPECT_TRUE(file);
    return file ? std::move(*file) : nullptr;
  }

  // A file that survives whatever comes.
  std::unique_ptr<File> MakeDurable(std::string_view name, std::string_view bytes) {
    std::unique_ptr<File> file = Open(name, OpenMode::kCreate);
    EXPECT_TRUE(file->Write(0, bytes));
    EXPECT_TRUE(file->Sync());
    EXPECT_TRUE(disk.SyncFolder());
    return file;
  }

  std::string Names() {
    std::string names;
    const std::vector<FileInfo> files = disk.List().value();
    for (const FileInfo& info : files) {
      names += info.name + "=" + disk.Content(info.name) + " ";
    }
    return names;
  }

  Prng prng;
  SimDevice device;
  SimDisk disk{device, "/data"};
};

using Outcomes = std::set<std::string>;

// What `play` gives over all seeds.
template <class Play>
Outcomes Over(const Play& play) {
  Outcomes outcomes;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Machine machine(seed);
    outcomes.insert(play(machine));
  }
  return outcomes;
}

// "ab" is a sector of a and a sector of b; 0 stands for a sector of zeros, + for less than one.
std::string Sectors(std::string_view content) {
  std::string text;
  while (content.size() >= kSectorBytes) {
    const std::string_view sector = content.substr(0, kSectorBytes);
    const bool even = sector.find_first_not_of(sector[0]) == std::string_view::npos;
    text += !even ? '?' : sector[0] == '\0' ? '0' : sector[0];
    content.remove_prefix(kSectorBytes);
  }
  return content.empty() ? text : text + "+";
}

std::string Full(char letter, std::size_t sectors = 1) {
  return std::string(sectors * kSectorBytes, letter);
}

TEST(SimCrash, SyncedBytesUnderASyncedNameAreNeverLost) {
  const Outcomes outcomes = Over([](Machine& machine) {
    machine.MakeDurable("a", "kept");
    machine.device.Crash(machine.prng);
    return machine.Names();
  });
  EXPECT_EQ(outcomes, Outcomes{"a=kept "});
}

TEST(SimCrash, AProcessThatIsKilledLosesNothing) {
  const Outcomes outcomes = Over([](Machine& machine) {
    EXPECT_TRUE(machine.Open("a", OpenMode::kCreate)->Write(0, "seen"));
    EXPECT_TRUE(machine.disk.Rename("a", "b"));
    machine.device.KillProcess();
    return machine.Names();
  });
  EXPECT_EQ(outcomes, Outcomes{"b=seen "});
}

TEST(SimCrash, WhatAKilledProcessWroteIsStillUnsynced) {
  Machine machine(1);
  EXPECT_TRUE(machine.MakeDurable("a", "old")->Write(0, "new"));
  machine.device.KillProcess();
  EXPECT_EQ(machine.disk.Content("a"), "new");
  machine.device.Crash(machine.prng, Keep::kNothing, Keep::kNothing);
  EXPECT_EQ(machine.disk.Content("a"), "old");
}

TEST(SimCrash, ASyncOfTheNextProcessCoversWhatTheKilledOneWrote) {
  Machine machine(1);
  EXPECT_TRUE(machine.MakeDurable("a", "old")->Write(0, "new"));
  machine.device.KillProcess();
  EXPECT_TRUE(machine.Open("a", OpenMode::kReadWrite)->Sync());
  machine.device.Crash(machine.prng, Keep::kNothing, Keep::kNothing);
  EXPECT_EQ(machine.disk.Content("a"), "new");
}

TEST(SimCrash, UnsyncedSectorsAreKeptOrLostEachOnItsOwn) {
  const Outcomes outcomes = Over([](Machine& machine) {
    const auto file = machine.MakeDurable("a", Full('a', 3));
    EXPECT_TRUE(file->Write(0, Full('b', 2)));
    EXPECT_TRUE(file->Write(2 * kSectorBytes, Full('c')));
    machine.device.Crash(machine.prng, Keep::kAny, Keep::kAny);
    return Sectors(machine.disk.Content("a"));
  });
  EXPECT_EQ(outcomes, (Outcomes{"aaa", "aac", "aba", "abc", "baa", "bac", "bba", "bbc"}));
}

TEST(SimCrash, ASectorIsNeverTornAndHoldsItsChangesInOrder) {
  const Outcomes outcomes = Over([](Machine& machine) {
    const auto file = machine.MakeDurable("a", "----");
    EXPECT_TRUE(file->Write(0, "ab"));
    EXPECT_TRUE(file->Write(1, "cd"));
    machine.device.Crash(machine.prng, Keep::kAny, Keep::kAny);
    return machine.disk.Content("a");
  });
  EXPECT_EQ(outcomes, (Outcomes{"----", "ab--", "acd-"}));
}

TEST(SimCrash, AWriteThatCrossesASectorIsTornThere) {
  const Outcomes outcomes = Over([](Machine& machine) {
    const auto file = machine.MakeDurable("a", Full('.', 2));
    EXPECT_TRUE(file->Write(kSectorBytes - 2, "abcd"));
    machine.device.Crash(machine.prng, Keep::kAny, Keep::kAny);
    return machine.disk.Content("a").substr(kSectorBytes - 3, 6);
  });
  EXPECT_EQ(outcomes, (Outcomes{"......", ".ab...", "...cd.", ".abcd."}));
}

TEST(SimCrash, TheLengthMayBeThereWithoutTheBytes) {
  const Outcomes outcomes = Over([](Machine& machine) {
    const auto file = machine.MakeDurable("a", Full('a'));
    EXPECT_TRUE(file->Write(kSectorBytes, Full('b')));
    EXPECT_TRUE(file->Write(2 * kSectorBytes, Full('c')));
    machine.device.Crash(machine.prng, Keep::kAny, Keep::kAny);
    return Sectors(machine.disk.Content("a"));
  });
  EXPECT_EQ(outcomes, (Outcomes{"a", "a0", "ab", "a00", "ab0", "a0c", "abc"}));
}

TEST(SimCrash, AReserveIsAChangeOfTheLengthAlone) {
  const Outcomes outcomes = Over([](Machine& machine) {
    const auto file = machine.MakeDurable("a", "");
    EXPECT_TRUE(file->Reserve(2 * kSectorBytes));
    EXPECT_TRUE(file->Write(0, Full('b')));
    machine.device.Crash(machine.prng, Keep::kAny, Keep::kAny);
    return Sectors(machine.disk.Content("a"));
  });
  EXPECT_EQ(outcomes, (Outcomes{"", "00", "b0"}));
}

TEST(SimCrash, AReservedFileWithZerosSyncedLosesOnlyBytes) {
  const Outcomes outcomes = Over([](Machine& machine) {
    const auto file = machine.MakeDurable("a", "");
    EXPECT_TRUE(file->Reserve(2 * kSectorBytes));
    EXPECT_TRUE(file->Sync());
    EXPECT_TRUE(file->Write(0, Full('b', 2)));
    machine.device.Crash(machine.prng);
    return Sectors(machine.disk.Content("a"));
  });
  EXPECT_EQ(outcomes, (Outcomes{"00", "0b", "b0", "bb"}));
}

TEST(SimCrash, EmptyingAFileMayNotHaveHappened) {
  const Outcomes outcomes = Over([](Machine& machine) {
    machine.MakeDurable("a", Full('a', 2));
    EXPECT_TRUE(machine.Open("a", OpenMode::kCreate)->Write(0, Full('b')));
    machine.device.Crash(machine.prng, Keep::kAny, Keep::kAny);
    return Sectors(machine.disk.Content("a"));
  });
  EXPECT_EQ(outcomes, (Outcomes{"aa", "ba", "", "0", "b"}));
}

TEST(SimCrash, APrefixKeepsTheOrderOverAllFilesAndTearsTheLastWrite) {
  const Outcomes outcomes = Over([](Machine& machine) {
    const auto first = machine.MakeDurable("a", Full('.', 2));
    const auto second = machine.MakeDurable("b", Full('.'));
    EXPECT_TRUE(first->Write(0, Full('1')));
    EXPECT_TRUE(second->Write(0, Full('2')));
    EXPECT_TRUE(first->Write(0, Full('3', 2)));
    EXPECT_TRUE(machine.disk.Rename("b", "c"));
    machine.device.Crash(machine.prng, Keep::kPrefix, Keep::kPrefix);
    std::string text;
    const std::vector<FileInfo> files = machine.disk.List().value();
    for (const FileInfo& info : files) {
      text += info.name + Sectors(machine.disk.Content(info.name));
    }
    return text;
  });
  EXPECT_EQ(outcomes, (Outcomes{"a..b.", "a1.b.", "a1.b2", "a3.b2", "a33b2", "a33c2"}));
}

TEST(SimCrash, APrefixMayEndInAnAppendWithItsLengthOrWithout) {
  const Outcomes outcomes = Over([](Machine& machine) {
    const auto file = machine.MakeDurable("a", "");
    EXPECT_TRUE(file->Write(0, Full('b', 2)));
    machine.device.Crash(machine.prng, Keep::kPrefix, Keep::kPrefix);
    return Sectors(machine.disk.Content("a"));
  });
  EXPECT_EQ(outcomes, (Outcomes{"", "00", "b", "b0", "bb"}));
}

TEST(SimCrash, KeepAllAndKeepNothingAreWhatTheySay) {
  for (const bool all : {true, false}) {
    const Keep keep = all ? Keep::kAll : Keep::kNothing;
    const Outcomes outcomes = Over([&](Machine& machine) {
      EXPECT_TRUE(machine.MakeDurable("a", "old")->Write(0, "newer"));
      EXPECT_TRUE(machine.disk.Rename("a", "b"));
      machine.device.Crash(machine.prng, keep, keep);
      return machine.Names();
    });
    EXPECT_EQ(outcomes, Outcomes{all ? "b=newer " : "a=old "});
  }
}

TEST(SimCrash, AllWaysToKeepAreDrawn) {
  const Outcomes outcomes = Over([](Machine& machine) {
    const auto file = machine.MakeDurable("a", Full('.', 2));
    EXPECT_TRUE(file->Write(0, Full('1')));
    EXPECT_TRUE(file->Write(kSectorBytes, Full('2')));
    machine.device.Crash(machine.prng);
    return Sectors(machine.disk.Content("a"));
  });
  EXPECT_EQ(outcomes, (Outcomes{"..", "1.", ".2", "12"}));
}

TEST(SimCrash, ANewNameWithoutAFolderSyncMayVanishThoughTheFileWasSynced) {
  const Outcomes outcomes = Over([](Machine& machine) {
    const auto file = machine.Open("a", OpenMode::kCreate);
    EXPECT_TRUE(file->Write(0, "x"));
    EXPECT_TRUE(file->Sync());
    machine.device.Crash(machine.prng);
    return machine.Names();
  });
  EXPECT_EQ(outcomes, (Outcomes{"", "a=x "}));
}

TEST(SimCrash, ARenameWithoutAFolderSyncMayVanishButNeverTheFile) {
  const Outcomes outcomes = Over([](Machine& machine) {
    machine.MakeDurable("meta", "old");
    machine.MakeDurable("next", "new");
    EXPECT_TRUE(machine.disk.Rename("next", "meta"));
    machine.device.Crash(machine.prng);
    return machine.Names();
  });
  EXPECT_EQ(outcomes, (Outcomes{"meta=old next=new ", "meta=new "}));
}

TEST(SimCrash, ARenameMayBeThereWithoutTheBytes) {
  const Outcomes outcomes = Over([](Machine& machine) {
    machine.MakeDurable("meta", "old");
    EXPECT_TRUE(machine.Open("next", OpenMode::kCreate)->Write(0, "new"));
    EXPECT_TRUE(machine.disk.Rename("next", "meta"));
    machine.device.Crash(machine.prng);
    return machine.Names();
  });
  EXPECT_TRUE(outcomes.contains("meta= "));
  EXPECT_TRUE(outcomes.contains("meta=new "));
  EXPECT_TRUE(outcomes.contains("meta=old "));
  EXPECT_TRUE(outcomes.contains("meta=old next=new "));
}

TEST(SimCrash, AFolderSyncKeepsTheNames) {
  const Outcomes outcomes = Over([](Machine& machine) {
    machine.MakeDurable("a", "a");
    machine.MakeDurable("b", "b");
    EXPECT_TRUE(machine.disk.Rename("a", "c"));
    EXPECT_TRUE(machine.disk.Remove("b"));
    EXPECT_TRUE(machine.disk.SyncFolder());
    machine.device.Crash(machine.prng);
    return machine.Names();
  });
  EXPECT_EQ(outcomes, Outcomes{"c=a "});
}

TEST(SimCrash, ARemovedFileMayComeBack) {
  const Outcomes outcomes = Over([](Machine& machine) {
    machine.MakeDurable("a", "a");
    machine.MakeDurable("b", "b");
    EXPECT_TRUE(machine.disk.Remove("a"));
    EXPECT_TRUE(machine.disk.Remove("b"));
    machine.device.Crash(machine.prng);
    return machine.Names();
  });
  EXPECT_EQ(outcomes, (Outcomes{"", "a=a ", "b=b ", "a=a b=b "}));
}

TEST(SimCrash, AFileHasOneNameWhateverIsKeptOfItsRenames) {
  const Outcomes outcomes = Over([](Machine& machine) {
    machine.MakeDurable("a", "x");
    EXPECT_TRUE(machine.disk.Rename("a", "b"));
    EXPECT_TRUE(machine.disk.Rename("b", "c"));
    machine.device.Crash(machine.prng);
    return machine.Names();
  });
  EXPECT_EQ(outcomes, (Outcomes{"a=x ", "b=x ", "c=x "}));
}

TEST(SimCrash, ANewFileDoesNotPushOutTheOneWhoseRenameWasNotKept) {
  const Outcomes outcomes = Over([](Machine& machine) {
    machine.MakeDurable("log", "old");
    EXPECT_TRUE(machine.disk.Rename("log", "spare"));
    const auto file = machine.Open("log", OpenMode::kCreate);
    EXPECT_TRUE(file->Write(0, "new"));
    EXPECT_TRUE(file->Sync());
    machine.device.Crash(machine.prng);
    return machine.Names();
  });
  EXPECT_EQ(outcomes, (Outcomes{"log=old ", "spare=old ", "log=new spare=old "}));
}

TEST(SimCrash, FoldersOfADeviceCrashTogether) {
  const Outcomes outcomes = Over([](Machine& machine) {
    SimDisk other(machine.device, "/other");
    EXPECT_TRUE(machine.Open("a", OpenMode::kCreate));
    EXPECT_TRUE(other.Open("b", OpenMode::kCreate));
    machine.device.Crash(machine.prng, Keep::kPrefix, Keep::kPrefix);
    return std::string(machine.disk.Has("a") ? "a" : "") + (other.Has("b") ? "b" : "");
  });
  EXPECT_EQ(outcomes, (Outcomes{"", "a", "ab"}));
}

TEST(SimCrash, AFreshMachineGoesOnAfterACrash) {
  const Outcomes outcomes = Over([](Machine& machine) {
    machine.device.CrashAtCall(1);
    EXPECT_FALSE(machine.disk.Open("a", OpenMode::kCreate));
    machine.device.Crash(machine.prng);
    machine.MakeDurable("a", "x");
    machine.device.Crash(machine.prng);
    return machine.Names();
  });
  EXPECT_EQ(outcomes, Outcomes{"a=x "});
}

}  // namespace
}  // namespace nunc
