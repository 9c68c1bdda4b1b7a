#include "storage/oplog_fixture.h"

#include <utility>

#include "storage/record_fixture.h"

namespace nunc {

namespace {

constexpr Term kFixtureTerm{4};

void AppendTo(std::string& out, ChainEnd& end, std::string_view key, std::string_view value) {
  const OwnedRecord record = SetRecord(end.revision.value + 1, key, value);
  AppendRecord(out, record.get(), kFixtureTerm, end.checksum);
  ++end.revision.value;
}

std::string Key(std::uint64_t revision) {
  return "key-" + std::to_string(revision);
}
std::string Value(std::uint64_t revision) {
  return "value-" + std::to_string(revision);
}

}  // namespace

Result<Found> Find(FaultyDisk& disk, const ScanOptions& options) {
  Found found;
  auto state = ScanLog(
      disk, options,
      [&found](const DecodedRecord& record) {
        found.records.push_back(Describe(record.record));
        return Result<void>();
      },
      &found.cut);
  if (!state) {
    return Fail(state.error().fault, std::move(state.error().detail));
  }
  found.state = std::move(*state);
  return found;
}

Result<Found> Find(FaultyDisk& disk, std::uint64_t durable) {
  return Find(disk, {.log = kSmallLog, .start = {}, .durable = {durable}});
}

Result<ChainEnd> BeginningOf(FaultyDisk& disk) {
  const auto files = ListLogFiles(disk);
  const Revision first = files->segments.front().first;
  const auto file = disk.Open(SegmentName(first), OpenMode::kRead);
  const auto header = ReadSegmentHeader(**file, first, kSmallLog.cluster);
  if (!header) {
    return Fail(header.error().fault, header.error().detail);
  }
  return ChainEnd{.revision = {first.value - 1}, .checksum = header->previous_checksum};
}

Result<std::unique_ptr<Writer>> Writer::Start(FaultyDisk& disk, const LogOptions& options,
                                              std::uint64_t durable) {
  LogState state;
  auto found = Find(disk, {.log = options, .start = {}, .durable = {durable}});
  if (found) {
    state = std::move(found->state);
  } else if (found.error().fault == Fault::kNotFound) {
    auto created = CreateLog(disk, options, {});
    if (!created) {
      return Fail(created.error().fault, created.error().detail);
    }
    state = std::move(*created);
  } else {
    return Fail(found.error().fault, found.error().detail);
  }
  auto log = OpLog::Open(disk, options, std::move(state));
  if (!log) {
    return Fail(log.error().fault, log.error().detail);
  }
  auto writer = std::make_unique<Writer>();
  writer->log_ = std::move(*log);
  return writer;
}

Result<void> Writer::Append(std::size_t records) {
  std::string bytes;
  ChainEnd end = log_->end();
  for (std::size_t i = 0; i < records; ++i) {
    const std::uint64_t revision = end.revision.value + 1;
    AppendTo(bytes, end, Key(revision), Value(revision));
  }
  return log_->Append(bytes);
}

Result<void> Writer::AppendValue(std::string_view value) {
  std::string bytes;
  ChainEnd end = log_->end();
  AppendTo(bytes, end, "key", value);
  return log_->Append(bytes);
}

Result<void> Writer::Sync() {
  if (!log_->NeedsSync()) {
    return {};
  }
  SyncWork work = log_->BeginSync();
  auto done = work.Run();
  if (done) {
    log_->OnSynced(work.revision());
  } else {
    log_->OnSyncFailed();
  }
  return done;
}

Result<void> Writer::AppendSynced(std::size_t records) {
  Result<void> done;
  for (std::size_t i = 0; i < records && done; ++i) {
    done = Append(1);
    if (done) {
      done = Sync();
    }
  }
  return done;
}

Result<void> Writer::MakeSpare() {
  SpareWork work = log_->BeginSpare();
  auto done = work.Run();
  while (done && !work.finished()) {
    done = work.Run();
  }
  log_->OnSpare(work, done);
  return done;
}

std::string Written(std::uint64_t revision) {
  const std::string key = Key(revision);
  const std::string value = Value(revision);
  return Describe(SetRecord(revision, key, value).get());
}

bool AreWritten(const std::vector<std::string>& records, std::uint64_t first) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i] != Written(first + i)) {
      return false;
    }
  }
  return true;
}

}  // namespace nunc
