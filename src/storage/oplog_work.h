// What the op log has done beside the loop: syncs, and files for segments to come.
//
// Shape:   jobs that own what they touch; the log starts each and is told how it ended.
// Errors:  those of the disk. A sync that failed is never tried again: nobody knows what the disk
//          has.
// Thread:  Run on any; the disk must outlive the job.
// Source:  docs/cluster.md §4 (writing).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/ids.h"
#include "env/disk.h"
#include "storage/oplog_index.h"

namespace nunc {

// The index of a segment that takes no more records.
struct SealedIndex {
  Revision first{};
  std::vector<IndexEntry> entries;
};

class SyncWork {
 public:
  struct Plan {
    std::vector<std::shared_ptr<File>> files;  // oldest first
    bool folder = false;                       // names are new
    std::vector<SealedIndex> indexes;
    Revision revision{};
  };

  SyncWork(Disk& disk, Plan plan);

  Result<void> Run();
  // What is durable once Run has succeeded.
  [[nodiscard]] Revision revision() const { return plan_.revision; }

 private:
  Disk* disk_;
  Plan plan_;
};

// Fills a file with zeros, so that later writes need not make it grow, and names it as a spare.
// In pieces, each a job: one that wrote all of it would keep the loop from a core that they share
// for as long as the system lets it, 5 ms and more.
class SpareWork {
 public:
  static constexpr std::uint64_t kPieceBytes = std::uint64_t{256} << 10;
  static constexpr std::uint64_t kSyncBytes = std::uint64_t{4} << 20;  // whole pieces

  SpareWork(Disk& disk, std::uint64_t number, std::uint64_t bytes);

  // The next piece. After an error there is none.
  Result<void> Run();
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  Result<void> Fill();

  Disk* disk_;
  std::uint64_t number_;
  std::uint64_t bytes_;
  std::uint64_t filled_ = 0;
  bool finished_ = false;
  std::unique_ptr<File> file_;
  std::string zeros_;  // of one piece
};

}  // namespace nunc
