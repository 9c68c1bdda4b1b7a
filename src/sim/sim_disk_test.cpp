#include "sim/sim_disk.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace nunc {
namespace {

class SimDiskTest : public ::testing::Test {
 protected:
  std::unique_ptr<File> Open(std::string_view name, OpenMode mode = OpenMode::kCreate) {
    Result<std::unique_ptr<File>> file = disk_.Open(name, mode);
    EXPECT_TRUE(file) << file.error().detail;
    return file ? std::move(*file) : nullptr;
  }

  std::string Names() {
    std::string names;
    const std::vector<FileInfo> files = disk_.List().value();
    for (const FileInfo& file : files) {
      names += file.name + ":" + std::to_string(file.bytes) + " ";
    }
    return names;
  }

  // A power cut that keeps nothing it need not keep.
  void CutPower() { device_.Crash(prng_, Keep::kNothing, Keep::kNothing); }

  Prng prng_{1};
  SimDevice device_;
  SimDisk disk_{device_, "/data"};
};

std::string ReadAll(File& file) {
  std::string text(64, '?');
  const Result<std::size_t> length = file.Read(0, text);
  EXPECT_TRUE(length);
  return text.substr(0, length.value_or(0));
}

TEST_F(SimDiskTest, WhatIsWrittenIsRead) {
  const auto file = Open("a");
  ASSERT_TRUE(file->Write(0, "hello world"));
  ASSERT_TRUE(file->Write(6, "there, you"));
  ASSERT_TRUE(file->Write(6, ""));
  EXPECT_EQ(ReadAll(*file), "hello there, you");
  EXPECT_EQ(file->Size().value(), 16U);
  std::array<char, 4> piece{};
  EXPECT_EQ(file->Read(14, piece).value(), 2U);
  EXPECT_EQ(std::string_view(piece.data(), 2), "ou");
  EXPECT_EQ(file->Read(16, piece).value(), 0U);
  EXPECT_EQ(file->Read(1'000, piece).value(), 0U);
}

TEST_F(SimDiskTest, AGapAndReservedSpaceReadAsZeros) {
  const auto file = Open("a");
  ASSERT_TRUE(file->Write(2, "x"));
  ASSERT_TRUE(file->Reserve(5));
  ASSERT_TRUE(file->Reserve(3));
  EXPECT_EQ(ReadAll(*file), std::string("\0\0x\0\0", 5));
}

TEST_F(SimDiskTest, CreateEmptiesReadWriteKeepsAndReadRefusesChanges) {
  ASSERT_TRUE(Open("a")->Write(0, "old"));
  EXPECT_EQ(ReadAll(*Open("a", OpenMode::kReadWrite)), "old");
  const auto reader = Open("a", OpenMode::kRead);
  EXPECT_EQ(reader->Write(0, "new").error().fault, Fault::kInvalid);
  EXPECT_EQ(reader->Reserve(9).error().fault, Fault::kInvalid);
  EXPECT_EQ(ReadAll(*reader), "old");
  EXPECT_EQ(ReadAll(*Open("a")), "");
}

TEST_F(SimDiskTest, AMissingFileIsNotFound) {
  EXPECT_EQ(disk_.Open("a", OpenMode::kRead).error().fault, Fault::kNotFound);
  EXPECT_EQ(disk_.Open("a", OpenMode::kReadWrite).error().fault, Fault::kNotFound);
  EXPECT_EQ(disk_.Rename("a", "b").error().fault, Fault::kNotFound);
  EXPECT_EQ(disk_.Remove("a").error().fault, Fault::kNotFound);
  EXPECT_EQ(disk_.Remove("a").error().detail, "/data/a: no such file");
}

TEST_F(SimDiskTest, RefusesTheNamesThatARealDiskRefuses) {
  Open("plain");
  const std::string with_zero("a\0b", 3);
  const std::string long_name(256, 'n');
  for (const std::string_view name :
       {std::string_view(""), std::string_view("."), std::string_view(".."),
        std::string_view("a/b"), std::string_view(with_zero), std::string_view(long_name),
        std::string_view("LOCK")}) {
    EXPECT_EQ(disk_.Open(name, OpenMode::kCreate).error().fault, Fault::kInvalid) << name;
    EXPECT_EQ(disk_.Rename("plain", name).error().fault, Fault::kInvalid) << name;
    EXPECT_EQ(disk_.Rename(name, "plain").error().fault, Fault::kInvalid) << name;
    EXPECT_EQ(disk_.Remove(name).error().fault, Fault::kInvalid) << name;
  }
}

TEST_F(SimDiskTest, ListsInByteOrderRenamesOverAndRemoves) {
  for (const std::string_view name : {"b", "\xff", "a2", "a10"}) {
    ASSERT_TRUE(Open(name)->Write(0, name));
  }
  EXPECT_EQ(Names(), "a10:3 a2:2 b:1 \xff:1 ");
  ASSERT_TRUE(disk_.Rename("a10", "b"));
  ASSERT_TRUE(disk_.Rename("b", "b"));
  ASSERT_TRUE(disk_.Remove("a2"));
  EXPECT_EQ(Names(), "b:3 \xff:1 ");
  EXPECT_EQ(disk_.Content("b"), "a10");
}

TEST_F(SimDiskTest, AFileStaysUsableUnderANewNameAndUnderNone) {
  const auto file = Open("a");
  ASSERT_TRUE(disk_.Rename("a", "b"));
  ASSERT_TRUE(file->Write(0, "x"));
  EXPECT_EQ(disk_.Content("b"), "x");
  ASSERT_TRUE(disk_.Remove("b"));
  ASSERT_TRUE(file->Write(1, "y"));
  EXPECT_EQ(ReadAll(*file), "xy");
}

TEST_F(SimDiskTest, TwoFoldersDoNotShareNames) {
  SimDisk other(device_, "/other");
  Open("a");
  EXPECT_EQ(other.Open("a", OpenMode::kRead).error().fault, Fault::kNotFound);
  EXPECT_TRUE(SimDisk(device_, "/data").Open("a", OpenMode::kRead));
}

TEST_F(SimDiskTest, WhatWouldExceedTheCapacityIsNoSpaceAndChangesNothing) {
  SimDisk other(device_, "/other");
  device_.SetCapacity(1'000);
  const auto file = Open("a");
  ASSERT_TRUE(file->Write(0, std::string(600, 'a')));
  const auto second = *other.Open("b", OpenMode::kCreate);
  EXPECT_EQ(second->Write(0, std::string(401, 'b')).error().fault, Fault::kNoSpace);
  EXPECT_EQ(second->Reserve(401).error().fault, Fault::kNoSpace);
  EXPECT_EQ(second->Size().value(), 0U);
  ASSERT_TRUE(second->Write(0, std::string(400, 'b')));
  EXPECT_EQ(device_.UsedBytes(), 1'000U);
  EXPECT_EQ(file->Write(599, "xy").error().fault, Fault::kNoSpace);
  EXPECT_EQ(disk_.Content("a"), std::string(600, 'a'));
  device_.SetCapacity(1'001);
  EXPECT_TRUE(file->Write(599, "xy"));
}

TEST_F(SimDiskTest, ReservedSpaceNeverRunsOut) {
  const auto file = Open("a");
  ASSERT_TRUE(file->Reserve(600));
  device_.SetCapacity(10);
  EXPECT_TRUE(file->Write(0, std::string(600, 'a')));
  EXPECT_EQ(file->Write(600, "x").error().fault, Fault::kNoSpace);
}

TEST_F(SimDiskTest, ARemovedFileGivesItsSpaceBackOnceItIsClosed) {
  auto file = Open("a");
  ASSERT_TRUE(file->Write(0, std::string(600, 'a')));
  ASSERT_TRUE(disk_.Remove("a"));
  EXPECT_EQ(device_.UsedBytes(), 600U);
  file.reset();
  EXPECT_EQ(device_.UsedBytes(), 0U);
}

TEST_F(SimDiskTest, AMistakenOffsetIsAnError) {
  const auto file = Open("a");
  EXPECT_EQ(file->Write(std::uint64_t{1} << 60, "x").error().fault, Fault::kNoSpace);
  EXPECT_EQ(file->Write(~std::uint64_t{0}, "x").error().fault, Fault::kIo);
  EXPECT_EQ(file->Reserve(~std::uint64_t{0}).error().fault, Fault::kIo);
  EXPECT_EQ(file->Size().value(), 0U);
}

TEST_F(SimDiskTest, TheNthCallFailsOnce) {
  const auto file = Open("a");
  device_.FailCall(2, Fault::kNoSpace);
  device_.FailCall(3, Fault::kIo);
  EXPECT_TRUE(file->Size());
  EXPECT_EQ(file->Write(0, "abcd").error().fault, Fault::kNoSpace);
  EXPECT_EQ(disk_.Content("a"), "");
  EXPECT_EQ(file->Size().error().fault, Fault::kIo);
  EXPECT_TRUE(file->Write(0, "abcd"));
}

TEST_F(SimDiskTest, EachOperationCanFailAndCounts) {
  const auto file = Open("a");
  std::array<char, 4> into{};
  const auto each = [&](auto call) {
    const std::uint64_t before = device_.calls();
    device_.FailCall(1, Fault::kIo);
    EXPECT_EQ(call().error().fault, Fault::kIo);
    EXPECT_EQ(device_.calls(), before + 1);
  };
  each([&] { return disk_.Open("b", OpenMode::kCreate); });
  each([&] { return disk_.List(); });
  each([&] { return disk_.Rename("a", "b"); });
  each([&] { return disk_.Remove("a"); });
  each([&] { return disk_.SyncFolder(); });
  each([&] { return file->Read(0, into); });
  each([&] { return file->Write(0, "x"); });
  each([&] { return file->Reserve(9); });
  each([&] { return file->Sync(); });
  each([&] { return file->Size(); });
  EXPECT_EQ(Names(), "a:0 ");
}

TEST_F(SimDiskTest, AWriteThatFailsWithIoIsHalfThere) {
  const auto file = Open("a");
  device_.FailCall(1, Fault::kIo);
  EXPECT_EQ(file->Write(0, "abcd").error().fault, Fault::kIo);
  EXPECT_EQ(disk_.Content("a"), "ab");
}

TEST_F(SimDiskTest, FromTheCallOfACrashNothingHasAnEffect) {
  const auto file = Open("a");
  device_.CrashAtCall(2);
  ASSERT_TRUE(file->Write(0, "a"));
  EXPECT_FALSE(device_.crashed());
  EXPECT_EQ(file->Write(1, "b").error().fault, Fault::kIo);
  EXPECT_TRUE(device_.crashed());
  EXPECT_EQ(file->Sync().error().fault, Fault::kIo);
  EXPECT_EQ(disk_.Remove("a").error().fault, Fault::kIo);
  EXPECT_EQ(disk_.Open("b", OpenMode::kCreate).error().fault, Fault::kIo);
  EXPECT_EQ(disk_.SyncFolder().error().fault, Fault::kIo);
  EXPECT_EQ(disk_.Content("a"), "a");
  device_.KillProcess();
  EXPECT_FALSE(device_.crashed());
  EXPECT_EQ(Names(), "a:1 ");
}

TEST_F(SimDiskTest, ASyncThatFailedHasLostItsBytesThoughTheNextOneSucceeds) {
  const auto file = Open("a");
  ASSERT_TRUE(file->Write(0, "abc"));
  ASSERT_TRUE(file->Sync());
  ASSERT_TRUE(disk_.SyncFolder());
  ASSERT_TRUE(file->Write(0, "x"));
  device_.FailNextSync();
  EXPECT_EQ(file->Sync().error().fault, Fault::kIo);
  ASSERT_TRUE(file->Write(2, "z"));
  EXPECT_TRUE(file->Sync());
  EXPECT_EQ(ReadAll(*file), "xbz");
  device_.Crash(prng_, Keep::kAll, Keep::kAll);
  EXPECT_EQ(disk_.Content("a"), "abz");
}

TEST_F(SimDiskTest, EveryOpenFileHearsOnceThatASyncHasLostBytes) {
  const auto file = Open("a");
  const auto beside = Open("a");
  ASSERT_TRUE(file->Write(0, "abc"));
  device_.FailNextSync();
  EXPECT_EQ(beside->Sync().error().fault, Fault::kIo);
  EXPECT_EQ(file->Sync().error().fault, Fault::kIo);
  EXPECT_TRUE(file->Sync());
  EXPECT_TRUE(beside->Sync());
  EXPECT_TRUE(Open("a")->Sync());
}

TEST_F(SimDiskTest, AFlippedBitIsReadAndStays) {
  const auto file = Open("a");
  ASSERT_TRUE(file->Write(0, "abc"));
  ASSERT_TRUE(file->Sync());
  ASSERT_TRUE(disk_.SyncFolder());
  disk_.FlipBit("a", 8 + 1);
  disk_.FlipBit("a", 24);
  disk_.FlipBit("none", 0);
  EXPECT_EQ(ReadAll(*file), "a`c");
  CutPower();
  EXPECT_EQ(disk_.Content("a"), "a`c");
}

TEST_F(SimDiskTest, ContentMadeByHandIsOnTheMedium) {
  disk_.SetContent("a", "made");
  ASSERT_TRUE(Open("b")->Write(0, "b"));
  ASSERT_TRUE(disk_.Rename("b", "c"));
  disk_.SetContent("c", "short");
  CutPower();
  EXPECT_EQ(Names(), "a:4 c:5 ");
  EXPECT_EQ(disk_.DurableContent("c"), "short");
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    ASSERT_TRUE(disk_.Rename("c", "x"));
    ASSERT_TRUE(disk_.Rename("x", "d"));
    disk_.SetContent("d", "again");
    Prng prng(seed);
    device_.Crash(prng, Keep::kAny, Keep::kAny);
    ASSERT_EQ(Names(), "a:4 d:5 ");
    ASSERT_TRUE(disk_.Rename("d", "c"));
    ASSERT_TRUE(disk_.SyncFolder());
  }
}

TEST_F(SimDiskTest, SaysWhatIsDurable) {
  const auto file = Open("a");
  ASSERT_TRUE(file->Write(0, "abc"));
  ASSERT_TRUE(file->Sync());
  EXPECT_TRUE(disk_.Has("a"));
  EXPECT_FALSE(disk_.HasDurable("a"));
  EXPECT_EQ(disk_.DurableContent("a"), "");
  ASSERT_TRUE(disk_.SyncFolder());
  ASSERT_TRUE(file->Write(0, "xyz"));
  EXPECT_TRUE(disk_.HasDurable("a"));
  EXPECT_EQ(disk_.DurableContent("a"), "abc");
  EXPECT_EQ(disk_.Content("a"), "xyz");
  EXPECT_FALSE(disk_.Has("b"));
  EXPECT_EQ(disk_.Content("b"), "");
}

TEST_F(SimDiskTest, FilesOfAnEndedProcessAreDead) {
  const auto before_kill = Open("a");
  device_.KillProcess();
  const auto before_crash = Open("a", OpenMode::kReadWrite);
  ASSERT_TRUE(before_crash->Sync());
  ASSERT_TRUE(disk_.SyncFolder());
  CutPower();
  const std::uint64_t calls = device_.calls();
  std::array<char, 4> into{};
  for (File* file : {before_kill.get(), before_crash.get()}) {
    EXPECT_EQ(file->Write(0, "x").error().fault, Fault::kIo);
    EXPECT_EQ(file->Read(0, into).error().fault, Fault::kIo);
    EXPECT_EQ(file->Reserve(10).error().fault, Fault::kIo);
    EXPECT_EQ(file->Sync().error().fault, Fault::kIo);
    EXPECT_EQ(file->Size().error().fault, Fault::kIo);
  }
  EXPECT_EQ(device_.calls(), calls);
  EXPECT_EQ(Names(), "a:0 ");
}

TEST_F(SimDiskTest, AFileOfAnEndedProcessHoldsNoSpace) {
  const auto file = Open("a");
  ASSERT_TRUE(file->Write(0, "abc"));
  ASSERT_TRUE(disk_.Remove("a"));
  EXPECT_EQ(device_.UsedBytes(), 3U);
  device_.KillProcess();
  EXPECT_EQ(device_.UsedBytes(), 0U);
}

// Calls of every kind, a crash, and the hash after it.
std::uint64_t HashOf(std::uint64_t seed, std::string_view bytes) {
  Prng prng(seed);
  SimDevice device;
  SimDisk disk(device, "/data");
  for (int i = 0; i < 20; ++i) {
    const std::string name(1, static_cast<char>('a' + prng.Below(3)));
    const auto file = *disk.Open(name, OpenMode::kCreate);
    EXPECT_TRUE(file->Write(prng.Below(2'000), bytes));
    EXPECT_TRUE(disk.Rename(name, "z"));
  }
  device.Crash(prng);
  const std::vector<FileInfo> files = disk.List().value();
  for (const FileInfo& info : files) {
    EXPECT_TRUE(disk.Open(info.name, OpenMode::kReadWrite).value()->Write(info.bytes, "x"));
  }
  return device.trace_hash();
}

TEST_F(SimDiskTest, TheSameSeedGivesTheSameHash) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(HashOf(seed, "same"), HashOf(seed, "same"));
    EXPECT_NE(HashOf(seed, "same"), HashOf(seed, "some"));
    EXPECT_NE(HashOf(seed, "same"), HashOf(seed + 1, "same"));
  }
}

TEST_F(SimDiskTest, TheHashTellsCallsApart) {
  const std::uint64_t start = device_.trace_hash();
  Open("a");
  const std::uint64_t first = device_.trace_hash();
  EXPECT_NE(first, start);
  SimDevice other;
  EXPECT_TRUE(SimDisk(other, "/data").Open("b", OpenMode::kCreate));
  EXPECT_NE(other.trace_hash(), first);
  EXPECT_TRUE(disk_.List());
  EXPECT_NE(device_.trace_hash(), first);
}

}  // namespace
}  // namespace nunc
