#include "storage/meta.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/little_endian.h"
#include "storage/faulty_disk_fixture.h"

namespace nunc {
namespace {

constexpr std::size_t kSlotBytes = 4096;

Meta MetaOf(std::uint64_t term) {
  return {.cluster = {1, 2},
          .node = 3,
          .incarnation = 4,
          .term = {term},
          .voted_for = 5,
          .durable = {6},
          .commit = {7},
          .damaged = term % 2 == 1,
          .joins = term % 3 == 1,
          .arbiter_node = term % 4 == 1,
          .floor = {.term = {8}, .revision = {9}}};
}

TEST(Meta, IsNotFoundBeforeTheFirstStart) {
  FaultyDisk disk;
  const auto meta = MetaFile::Load(disk);
  ASSERT_FALSE(meta.has_value());
  EXPECT_EQ(meta.error().fault, Fault::kNotFound);
}

TEST(Meta, WhatIsStoredLastIsLoaded) {
  FaultyDisk disk;
  auto meta = MetaFile::Create(disk, MetaOf(1));
  ASSERT_TRUE(meta.has_value());
  EXPECT_EQ((*meta)->value(), MetaOf(1));
  for (std::uint64_t term = 2; term < 8; ++term) {
    ASSERT_TRUE((*meta)->Store(MetaOf(term)).has_value());
    EXPECT_EQ((*meta)->value(), MetaOf(term));
    disk.CutPower();
    meta = MetaFile::Load(disk);
    ASSERT_TRUE(meta.has_value());
    EXPECT_EQ((*meta)->value(), MetaOf(term));
  }
}

// Every length of a write that was torn, and what stood there before behind it.
TEST(Meta, ASlotThatIsTornAnywhereLeavesTheOtherOne) {
  FaultyDisk disk;
  auto meta = MetaFile::Create(disk, MetaOf(1));
  ASSERT_TRUE((*meta)->Store(MetaOf(2)).has_value());
  const std::string before = disk.Content(kMetaName);
  ASSERT_TRUE((*meta)->Store(MetaOf(3)).has_value());
  const std::string after = disk.Content(kMetaName);
  std::size_t torn = 0;
  for (std::size_t length = 0; length <= kSlotBytes; length += 8) {
    FaultyDisk other;
    std::string content = before;
    content.replace(0, length, after, 0, length);
    other.Put(kMetaName, content);
    const auto loaded = MetaFile::Load(other);
    ASSERT_TRUE(loaded.has_value()) << length;
    EXPECT_EQ((*loaded)->value(), content == after ? MetaOf(3) : MetaOf(2)) << length;
    torn += content == after ? 0U : 1U;
  }
  EXPECT_GT(torn, kSlotBytes / 8 - 2);
}

TEST(Meta, EveryFlippedBitLeavesTheOtherSlot) {
  FaultyDisk disk;
  auto meta = MetaFile::Create(disk, MetaOf(1));
  ASSERT_TRUE((*meta)->Store(MetaOf(2)).has_value());
  ASSERT_TRUE((*meta)->Store(MetaOf(3)).has_value());
  const std::string whole = disk.Content(kMetaName);
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += 7) {
    FaultyDisk other;
    std::string content = whole;
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << (bit % 8)));
    other.Put(kMetaName, content);
    const auto loaded = MetaFile::Load(other);
    ASSERT_TRUE(loaded.has_value()) << bit;
    EXPECT_EQ((*loaded)->value(), bit / 8 < kSlotBytes ? MetaOf(2) : MetaOf(3)) << bit;
  }
}

TEST(Meta, WithoutAWholeSlotItIsDamaged) {
  for (const std::size_t bytes : {0U, 100U, 4095U, 8192U}) {
    FaultyDisk disk;
    disk.Put(kMetaName, std::string(bytes, '\0'));
    const auto loaded = MetaFile::Load(disk);
    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error().fault, Fault::kDamaged);
    EXPECT_EQ(loaded.error().detail, "meta: neither half is whole");
  }
}

TEST(Meta, ANewerVersionIsNamedAndIsNoDamage) {
  FaultyDisk disk;
  ASSERT_TRUE(MetaFile::Create(disk, MetaOf(1)).has_value());
  std::string& content = disk.Content(kMetaName);
  PutLittle(content.data() + 8, std::uint32_t{2});
  PutLittle(content.data() + 4088, HashBytes(std::string_view(content).substr(0, 4088), 0));
  const auto loaded = MetaFile::Load(disk);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().fault, Fault::kInvalid);
}

// Whatever call fails, and with the power cut then, one of the two that were stored last is there.
TEST(Meta, AFailureAtAnyCallLosesNothingThatWasStored) {
  bool failed = true;
  for (std::uint64_t n = 1; failed; ++n) {
    FaultyDisk disk;
    ASSERT_TRUE(MetaFile::Create(disk, MetaOf(1)).has_value());
    disk.FailFrom(n, Fault::kIo);
    std::uint64_t stored = 1;
    auto meta = MetaFile::Load(disk);
    for (std::uint64_t term = 2; meta && term < 5; ++term) {
      const bool fine = (*meta)->Store(MetaOf(term)).has_value();
      if (!fine) {
        EXPECT_EQ((*meta)->value(), MetaOf(stored));
        const auto again = (*meta)->Store(MetaOf(term));
        ASSERT_FALSE(again.has_value());
        break;
      }
      stored = term;
    }
    failed = disk.failed();
    disk.CutPower();
    const auto loaded = MetaFile::Load(disk);
    ASSERT_TRUE(loaded.has_value()) << n;
    EXPECT_EQ((*loaded)->value(), MetaOf(stored)) << n;
  }
}

// What the slot holds then nobody knows, and the other one must stay.
TEST(Meta, AfterAStoreThatFailedNothingIsStored) {
  FaultyDisk disk;
  const auto meta = MetaFile::Create(disk, MetaOf(1));
  ASSERT_TRUE(meta.has_value());
  disk.FailFrom(1, Fault::kIo);
  EXPECT_FALSE((*meta)->Store(MetaOf(2)).has_value());
  disk.FailFrom(0, Fault::kIo);
  const auto again = (*meta)->Store(MetaOf(2));
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().fault, Fault::kIo);
  EXPECT_EQ((*meta)->value(), MetaOf(1));
}

TEST(Meta, AFailureOfTheFirstStartLeavesNoneOrAWholeOne) {
  bool failed = true;
  for (std::uint64_t n = 1; failed; ++n) {
    FaultyDisk disk;
    disk.FailFrom(n, Fault::kNoSpace);
    const bool created = MetaFile::Create(disk, MetaOf(1)).has_value();
    failed = disk.failed();
    EXPECT_NE(created, failed);
    disk.CutPower();
    const auto loaded = MetaFile::Load(disk);
    EXPECT_TRUE(loaded.has_value() || loaded.error().fault == Fault::kNotFound) << n;
  }
}

}  // namespace
}  // namespace nunc
