#include "op_log.h"

#include "storage/meta.h"
#include "storage/oplog_state.h"
#include "storage/oplog_walk.h"
#include "storage/record.h"

namespace nunc {

void OpLog::Add(const Record& record) {
  newest_ = record.revision;
  if (record.type == RecordType::kCreateDatabase) {
    by_name_.insert_or_assign(std::string(record.spec.name), record.database);
    databases_.try_emplace(record.database, record.spec.level);
  }
  // `$admin` is there without a record.
  const auto found = databases_.find(record.database);
  if (found == databases_.end()) {
    return;
  }
  found->second.history.OnRecord(record);
  if (record.items.size() > 1) {
    found->second.units.insert(record.revision);
  }
}

LoggedDatabase* OpLog::Find(std::string_view name) {
  const auto id = by_name_.find(name);
  if (id == by_name_.end()) {
    return nullptr;
  }
  LoggedDatabase& database = databases_.at(id->second);
  // What the watchers were shown had passed the gate; when, nobody has written down.
  database.history.SetDurable(newest_);
  return &database;
}

Result<OpLog> ReadOpLog(Disk& disk) {
  const Result<Meta> meta = MetaFile::Read(disk);
  if (!meta) {
    return tl::unexpected(meta.error());
  }
  Result<LogFiles> files = ListLogFiles(disk);
  if (!files) {
    return tl::unexpected(files.error());
  }
  if (files->segments.empty() || files->segments.front().first != Revision{1}) {
    return Fail(Fault::kInvalid, "the op log does not begin with revision 1");
  }
  OpLog log;
  RecordDecoder decoder;
  LogWalk walk(disk, meta->cluster, ChainEnd{}, std::move(files->segments), 0);
  for (bool more = true; more;) {
    const Result<LogChunk> chunk = walk.Next();
    if (!chunk) {
      return tl::unexpected(chunk.error());
    }
    for (std::string_view rest = chunk->bytes; !rest.empty();) {
      const Result<DecodedRecord> record = decoder.DecodeChecked(rest);
      if (!record) {
        return tl::unexpected(record.error());
      }
      log.Add(record->record);
      rest.remove_prefix(record->bytes);
    }
    more = chunk->more;
  }
  return log;
}

}  // namespace nunc
