// Finds out at a start what the op log holds, and makes sure that it is on the medium.
//
// Shape:   Begin, then Next until it says false, then Settle. With a worker the next chunk is read
//          and checked while the records of this one are applied.
//          What ends the log at or above the durable mark is a torn tail and is cut. Settle copies
//          the newest segment and all above the mark to fresh files, for memory of the system can
//          hold what the disk never got; later segments are removed only then.
// Errors:  kDamaged: the log ends below the mark, lacks its beginning, is not the snapshot's, or
//          has records that this program does not know; kInvalid: files of a newer version or
//          another cluster. Then nothing on the disk has been changed. kNoSpace, kIo: those of the
//          disk; Settle may be tried again by another start.
// Owner:   the disk and the worker must live longer than every job.
// Source:  docs/cluster.md §4, §11; docs/formats.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/ids.h"
#include "env/disk.h"
#include "env/worker.h"
#include "storage/oplog_state.h"
#include "storage/oplog_walk.h"
#include "storage/record.h"

namespace nunc {

struct ScanOptions {
  LogOptions log;
  ChainEnd start;      // what the snapshot has; all zero: there is none
  Revision durable{};  // the durable mark of the meta file
};

// A tail that was given up.
struct CutTail {
  std::string file;
  std::uint64_t offset = 0;
  std::string why;
  std::uint64_t records = 0;  // at least so many, as far as the names of the files tell
  std::uint64_t bytes = 0;    // at most so many
};

class LogScanner {
 public:
  using Visit = std::function<Result<void>(const DecodedRecord&)>;
  // Gets the bytes of a record that is visited soon.
  using Expect = std::function<void(std::string_view)>;

  // kNotFound: the folder has no log, and nothing says that there should be one (CreateLog).
  static Result<std::unique_ptr<LogScanner>> Begin(Disk& disk, const ScanOptions& options,
                                                   Worker* worker);

  // Visits the records of one chunk, in order, from the first behind the start. False: that was
  // the last one. An error of `visit` is given back, and the scan must not go on.
  Result<bool> Next(const Visit& visit, const Expect& expect = {});

  // After Next has said false: the log as it will be from now on.
  Result<LogState> Settle();
  [[nodiscard]] const std::optional<CutTail>& cut() const { return cut_; }

 private:
  // What a job that reads ahead works on.
  struct Ahead {
    LogWalk walk;
    Result<LogChunk> chunk;
    bool ready = false;
  };

  LogScanner(Disk& disk, const ScanOptions& options, Worker* worker, LogFiles files,
             std::size_t begin);

  void ReadAhead();
  Result<void> Judge();
  Result<void> JudgeRemoved(std::size_t begin);
  void NoteCut(std::size_t walked);
  Result<void> EmptySegment(std::size_t index);
  Result<void> CopySegment(std::size_t index);
  Result<void> CleanUp(std::size_t kept);

  Disk& disk_;
  ScanOptions options_;
  Worker* worker_;
  LogFiles files_;
  std::shared_ptr<Ahead> ahead_;
  RecordDecoder decoder_;
  std::optional<CutTail> cut_;
};

// All of it at once, on this turn.
Result<LogState> ScanLog(Disk& disk, const ScanOptions& options, const LogScanner::Visit& visit,
                         std::optional<CutTail>* cut = nullptr);

}  // namespace nunc
