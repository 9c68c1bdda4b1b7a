#include "cli/progress.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "storage/snapshot_writer.h"

namespace nunc {
namespace {

TEST(Progress, ShowsAPartAndNeverSaysDone) {
  using enum Progress::Unit;
  EXPECT_EQ(ProgressText(std::uint64_t{50} << 20, std::uint64_t{100} << 20, kBytes),
            "49 % [#########...........] 50 MiB");
  EXPECT_EQ(ProgressText(0, 10, kCount), "0 % [....................] 0 entries");
  EXPECT_TRUE(ProgressText(1'000, 10, kCount).starts_with("99 %"));
  EXPECT_EQ(ProgressText(std::uint64_t{3} << 20, 0, kBytes), "3 MiB") << "of nobody knows what";
}

TEST(Progress, CountsWhatBlocksHoldBeforeTheyWereCompressed) {
  SnapshotEncoder encoder({.kind = SnapshotKind::kBackup});
  std::string bytes = encoder.head();
  bytes += encoder.Block(BlockKind::kEntries, std::string(100'000, 'x'));
  bytes += encoder.Block(BlockKind::kEntries, std::string(50, 'y'));
  ASSERT_LT(bytes.size(), 50'000U);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    RawCounter counter;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      counter.Take(std::string_view(bytes).substr(at, step));
    }
    EXPECT_EQ(counter.raw_bytes(), 100'050U) << step;
  }
}

TEST(Progress, WhatIsNoBackupCountsNothing) {
  RawCounter counter;
  counter.Take(std::string(1'000, 'z'));
  EXPECT_EQ(counter.raw_bytes(), 0U);
}

}  // namespace
}  // namespace nunc
