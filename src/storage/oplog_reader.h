// Reads the op log from a revision or a time on, beside the node that goes on writing it.
//
// Shape:   one view of the log, up to what was written when it was taken; a seek, then Next until
//          there is nothing.
// Errors:  kNotFound: what is asked for is older than the log, or a segment was cleaned meanwhile.
//          kDamaged, kInvalid: as in oplog_recovery.h. After an error it must be positioned anew.
// Limits:  a seek reads kIndexStepBytes and one record beyond the headers, or all of a segment
//          whose index is missing.
// Thread:  any, one at a time; the disk must outlive it.
// Source:  docs/cluster.md §4 (search), §11; docs/formats.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/ids.h"
#include "env/disk.h"
#include "storage/oplog.h"
#include "storage/record.h"
#include "storage/segment_reader.h"

namespace nunc {

class LogReader {
 public:
  LogReader(Disk& disk, LogView view);

  // The next record is that one. One behind the newest is allowed: there is nothing yet.
  Result<void> SeekRevision(Revision revision);
  // The next record is the first one at that time or later.
  Result<void> SeekTime(std::int64_t time_us);

  // Valid until the next call. Nothing at the end of the view.
  Result<std::optional<DecodedRecord>> Next();
  // The bytes of that record, as they stand in the log.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  // What stands before the record that is looked for; of the two only one is meant.
  struct Target {
    std::optional<Revision> revision{};
    std::int64_t time_us = 0;

    [[nodiscard]] bool IsBefore(const ChainEnd& record) const;
  };

  Result<void> Seek(std::size_t segment, const Target& target);
  Result<bool> SeekBy(std::size_t segment, const IndexEntry* entry, const Target& target);
  Result<void> Enter(std::size_t segment, const IndexEntry* entry);
  Result<bool> Fill();
  Result<std::vector<IndexEntry>> IndexOf(std::size_t segment);
  tl::unexpected<Error> Explain(std::size_t segment, const Error& error);

  Disk& disk_;
  LogView view_;
  std::size_t segment_ = 0;
  std::unique_ptr<SegmentReader> reader_;  // null: not positioned, or at the end
  bool at_end_ = false;
  ChainEnd end_;  // of what has been read
  RecordRun run_;
  std::size_t at_ = 0;  // in the run
  RecordDecoder decoder_;
  std::string_view bytes_;
};

}  // namespace nunc
