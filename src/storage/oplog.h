// The op log as the node writes it: segments, their syncs, the files to come, cleaning.
//
// Shape:   Append writes on this turn; what blocks for long is a job (oplog_work.h) that runs
//          beside it, at most one sync and one spare at a time.
//          A record counts as durable when its segment, all older ones and the folder that has
//          their names are synced.
// Errors:  kNoSpace from Append or ReserveNow: nothing was written, it may work later. Any other
//          error, and any error of a job, ends the log: each later call is kIo.
// Limits:  kSparesMax files wait; a record has at most kRecordBytesMax.
// Owner:   the disk must outlive the log and its jobs.
// Thread:  one; views and jobs may be taken to another.
// Source:  docs/cluster.md §4, §11; docs/formats.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/ids.h"
#include "env/disk.h"
#include "storage/oplog_state.h"
#include "storage/oplog_work.h"
#include "storage/record.h"
#include "storage/segment_reader.h"

namespace nunc {

// For people.
struct OpLogInfo {
  std::size_t segments = 0;
  std::size_t spares = 0;
  std::uint64_t bytes = 0;  // of the segments' files
  Revision first{};         // zero when there is no record
  Revision last{};
  std::int64_t first_time_us = 0;
  std::int64_t last_time_us = 0;
};

// What a reader needs to read the log up to now, while it goes on.
struct LogView {
  ClusterId cluster{};
  std::vector<SegmentInfo> segments;
  std::vector<IndexEntry> index;  // of the last segment
};

class OpLog {
 public:
  static Result<std::unique_ptr<OpLog>> Open(Disk& disk, const LogOptions& options, LogState state);

  // Whole records (AppendRecord) behind end(). One write for each segment that is touched.
  Result<void> Append(std::string_view records);
  [[nodiscard]] const ChainEnd& end() const { return end_; }
  [[nodiscard]] Revision written() const { return end_.revision; }
  // Of the oldest record that is there, or of the next one.
  [[nodiscard]] Revision first() const { return segments_.front().first; }

  // Records of so many bytes together fit for sure, without asking the disk for more.
  [[nodiscard]] std::uint64_t room() const;
  [[nodiscard]] bool NeedsSpare() const;
  SpareWork BeginSpare();
  void OnSpare(const SpareWork& work, const Result<void>& result);
  // For when the job has come too late: afterwards a spare is ready, or the disk is full.
  Result<void> ReserveNow();

  // Two may be under way: the second takes what was written behind the first one's. One that has
  // more to do than the current file goes alone.
  static constexpr std::size_t kSyncsMax = 2;
  [[nodiscard]] bool NeedsSync() const;
  // Only when one is needed.
  SyncWork BeginSync();
  // Up to where a sync has been begun.
  [[nodiscard]] Revision sync_begun() const {
    return syncs_.empty() ? durable_ : syncs_.back().revision;
  }
  // What a sync had to do is durable once those before it have ended well too.
  void OnSynced(Revision revision);
  void OnSyncFailed();
  [[nodiscard]] Revision durable() const { return durable_; }

  // Takes back what comes behind `to`, while no sync is under way. Both wait for the
  // disk. First the records go into a file of their own (RewoundName), which stays; gives the end
  // that the log is to have. Then the durable mark is lowered to it, by the caller; and only then
  // the log is cut. kNotFound: `to` is no record of this log.
  Result<ChainEnd> SaveTail(Revision to, Term by);
  Result<void> Cut(const ChainEnd& to);

  // Removes whole segments of which every record is below and durable; how many bytes the log is
  // shorter by.
  Result<std::uint64_t> Clean(Revision below);
  // What to give Clean so that the newest records stay: at least so many bytes of them, or all
  // since that time.
  [[nodiscard]] Revision CleanPointForSize(std::uint64_t bytes) const;
  [[nodiscard]] Revision CleanPointForTime(std::int64_t time_us) const;

  // While there is no record: whose log it will be.
  void SetCluster(const ClusterId& cluster);

  [[nodiscard]] OpLogInfo Info() const;
  [[nodiscard]] LogView View() const;

 private:
  // The part of an append that goes to one segment.
  struct Piece {
    std::string_view records{};
    ChainEnd before;
    ChainEnd after;
    RecordHead first{};
  };

  struct Current {
    std::shared_ptr<File> file;
    std::shared_ptr<File> beside;
  };
  OpLog(Disk& disk, const LogOptions& options, LogState state, Current current);
  static Result<Current> OpenCurrent(Disk& disk, const std::string& name);

  [[nodiscard]] std::size_t SegmentOf(Revision revision) const;
  Result<SegmentReader> ReadFrom(const SegmentInfo& segment);
  Result<void> WriteTail(std::size_t segment, const ChainEnd& to);
  Result<void> CutSegments(const ChainEnd& to);
  void Divide(std::string_view records);
  Result<void> MakeRoom();
  Result<void> Reserve(std::uint64_t bytes);
  void DropLargeSpares();
  Result<void> WriteInCurrent(const Piece& piece);
  Result<void> WriteInNew(const Piece& piece);
  void NotePiece(const Piece& piece);
  Result<void> DropOldest();
  [[nodiscard]] std::size_t FilesWaiting() const;
  // A sync has more to do than the current file.
  [[nodiscard]] bool has_duties() const { return folder_changed_ || !unsynced_.empty(); }
  [[nodiscard]] std::uint64_t SegmentBytesFor(std::uint64_t record_bytes) const;
  [[nodiscard]] bool HasRecords(const SegmentInfo& segment) const;

  Disk& disk_;
  LogOptions options_;
  bool failed_ = false;
  std::deque<SegmentInfo> segments_;  // the last one is current
  std::shared_ptr<File> file_;        // of the current one
  std::shared_ptr<File> beside_;      // the same once more: the system tells each of them by itself
                                      // that what was written is lost
  ChainEnd end_;
  std::vector<IndexEntry> index_;  // of the current one
  std::vector<Piece> pieces_;      // of the append that runs

  Revision durable_;
  struct UnderWay {
    Revision revision{};
    bool beside = false;  // syncs `beside_`
    bool alone = false;
    bool done = false;
  };
  std::deque<UnderWay> syncs_;  // in the order of their revisions
  bool folder_changed_ = false;
  std::vector<std::shared_ptr<File>> unsynced_;  // older than the current one
  std::vector<SealedIndex> sealed_;              // whose file is still to be written

  std::vector<SpareFile> spares_;
  std::uint64_t next_spare_ = 0;
  bool spare_under_way_ = false;
  // Cleaned segments: until the folder is synced, a power cut may bring back the old name, and
  // then no other content may stand under it.
  std::vector<SpareFile> cooling_;
  std::vector<SpareFile> cooling_in_sync_;
};

}  // namespace nunc
