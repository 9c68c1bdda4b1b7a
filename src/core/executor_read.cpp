#include "core/executor.h"
#include "core/permissions.h"

namespace nunc {

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

void Executor::Keys(Session& session, const Command& command, Output& output) {
  const std::string_view pattern = command.key;
  NeedListing(*session.database);
  const std::string_view prefix = PatternPrefix(pattern);  // all that can bound the walk
  for (KeyOrder::Cursor cursor = session.database->Seek(prefix); !cursor.at_end();
       cursor.Advance()) {
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
