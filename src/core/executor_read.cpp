#include "base/limits.h"
#include "core/executor.h"
#include "core/permissions.h"

namespace nunc {
namespace {

Output::Row RowOfEntry(const Entry& entry) {
  return {.name = entry.key(),
          .detail = entry.value(),
          .version = entry.in_conflict() ? kVersionInConflict : std::int64_t{entry.version()}};
}

}  // namespace

void Executor::Get(Session& session, const Command& command, Output& output) {
  const Entry* entry = Locate(*session.database, command.key).existing;
  Reply reply{.text = entry == nullptr ? std::string_view{} : entry->value()};
  if (command.verb == Verb::kGet) {
    reply.kind = entry == nullptr ? ReplyKind::kNoValue : ReplyKind::kValue;
  } else {
    reply.kind = entry == nullptr ? ReplyKind::kNoValueVersion : ReplyKind::kValueVersion;
    reply.number = entry == nullptr ? 0 : Delivery::ChangeOf(*entry).version;
  }
  reply.revision = entry == nullptr ? Revision{} : entry->revision();
  Data(session, reply, output);
  Ok(session, output);
}

// As the commands that name one key, for those that show what they find.
bool Executor::MayRead(Session& session, std::string_view key) {
  return IsSecureKey(key) ? session.admin : Permits(session, Permission::kRead, key);
}

void Executor::GetMany(Session& session, const Command& command, Output& output) {
  output.entries_visited = command.keys.size();
  std::size_t bytes = 0;
  for (const std::string_view key : command.keys) {
    if (!MayRead(session, key)) {
      continue;
    }
    const Entry* entry = Locate(*session.database, key).existing;
    if (entry == nullptr) {
      continue;
    }
    bytes += key.size() + entry->value().size();
    if (bytes > kReplyBytesMax) {
      output.rows.clear();
      return Error(session, ErrorCode::kReplyTooLong, output);
    }
    output.rows.push_back(RowOfEntry(*entry));
  }
  Data(session, {.kind = ReplyKind::kEntries}, output);
  Ok(session, output);
}

void Executor::Keys(Session& session, const Command& command, Output& output) {
  const std::string_view pattern = command.key;
  NeedListing(*session.database);
  const std::string_view prefix = PatternPrefix(pattern);  // all that can bound the walk
  for (KeyOrder::Cursor cursor = session.database->Seek(prefix); !cursor.at_end();
       cursor.Advance()) {
    ++output.entries_visited;
    const std::string_view key = cursor.entry()->key();
    if (!key.starts_with(prefix)) {
      break;
    }
    if (MatchesPattern(key, pattern) && (session.admin || !IsSecureKey(key))) {
      output.rows.push_back({.name = key});
    }
  }
  Data(session, {.kind = ReplyKind::kKeys}, output);
  Ok(session, output);
}

}  // namespace nunc
