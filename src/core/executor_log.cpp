#include "base/limits.h"
#include "core/executor.h"

namespace nunc {

std::optional<ErrorCode> Executor::CheckSpace(const Session& session, const Command& command,
                                              Effect effect) const {
  const std::size_t bytes =
      command.key.size() + command.value.size() + command.name.size() + command.secret.size();
  // A decision is written twice: in the key, and in the queue.
  const std::size_t times = command.verb == Verb::kResolve ? 2 : 1;
  if (!recorder_.HasRoom(times * bytes + kRecordBytesAround)) {
    return ErrorCode::kDiskFull;
  }
  if (effect == Effect::kRemoves ||
      store_.entry_bytes() + bytes + kRecordBytesAround <= options_.memory_bytes_max) {
    return std::nullopt;
  }
  // Near the limit what does not grow may still change.
  const Entry* existing =
      session.database == nullptr ? nullptr : session.database->Find(command.key);
  const bool grows = existing == nullptr || existing->value().size() < command.value.size();
  return grows ? std::optional(ErrorCode::kMemoryFull) : std::nullopt;
}

void Executor::CreateDatabase(const DatabaseSpec& spec, Output& output) {
  const DatabaseId id = store_.NextDatabaseId();
  const Store::Stamp stamp =
      recorder_.New({.type = RecordType::kCreateDatabase, .database = id, .spec = spec}, output);
  recorder_.Close();
  store_.Add(id, spec, stamp);
  recorder_.Need(stamp.revision);
  Database& admin = store_.admin();
  const Place listed = Locate(admin, spec.name);
  Announce(admin, listed.hash, Delivery::ChangeOf(*listed.existing), stamp.revision, output);
}

void Executor::ChangeMembers(std::string_view members, Output& output) {
  recorder_.Begin();
  const Store::Stamp stamp =
      recorder_.New({.type = RecordType::kConfig, .members = members}, output);
  recorder_.Close();
  store_.NoteMembers({.revision = stamp.revision, .members = std::string(members)});
}

}  // namespace nunc
