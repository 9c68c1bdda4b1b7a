#include <cstdint>
#include <string>

#include "base/limits.h"
#include "core/executor.h"
#include "core/permissions.h"

namespace nunc {
namespace {

Output::Row RowOfEntry(const Entry& entry) {
  const Change shown = Delivery::ChangeOf(entry);
  return {.name = shown.key, .detail = shown.value, .version = shown.version};
}

// `$$` keys lie together; the first name behind them.
constexpr std::string_view kBehindSecureKeys = "$%";

}  // namespace

void Executor::Get(Session& session, const Command& command, Output& output) {
  const Entry* entry = Locate(*session.database, command.key).existing;
  Reply reply{.text = entry == nullptr ? std::string_view{} : entry->value()};
  if (entry != nullptr && (command.with_ttl || command.verb == Verb::kTtl)) {
    const Database& database = *session.database;
    recorder_.Need(Delivery::NeededFor(database, command.key, database.lifetime_revision()));
    reply.ttl_ms = store_.lifetimes().LeftMs(*entry);
  }
  if (command.verb == Verb::kTtl) {
    reply = entry == nullptr ? Reply{.kind = ReplyKind::kNoTtl}
                             : Reply{.kind = ReplyKind::kTtl, .number = reply.ttl_ms};
  } else if (command.verb == Verb::kGet) {
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
  recorder_.NeedListing(*session.database);
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

void Executor::Scan(Session& session, const Command& command, Output& output) {
  const std::int64_t limit = command.limit.value_or(kScanRowsDefault);
  if (limit < 1 || limit > kScanRowsMax) {
    return Error(session, ErrorCode::kScanLimit, output, output.Keep(std::to_string(limit)));
  }
  std::string_view prefix = command.key;
  if (prefix.ends_with('*')) {
    prefix.remove_suffix(1);
  }
  const Database& database = *session.database;
  recorder_.NeedListing(database);
  Reply reply{.kind = ReplyKind::kScan};
  std::size_t bytes = 0;
  std::string_view last;
  KeyOrder::Cursor cursor = database.SeekBehind(command.after, prefix);
  while (!cursor.at_end() && cursor.entry()->key().starts_with(prefix)) {
    const Entry& entry = *cursor.entry();
    if (IsSecureKey(entry.key()) && !session.admin) {
      // At once and uncounted, so that none of them is ever where a part ends.
      cursor = database.Seek(kBehindSecureKeys);
      continue;
    }
    const bool shown = MayRead(session, entry.key());
    const std::size_t size = shown ? entry.key().size() + entry.value().size() : 0;
    const std::size_t rows = output.rows.size();
    if (rows == static_cast<std::size_t>(limit) || output.entries_visited == kScanVisitedMax ||
        (rows > 0 && bytes + size > kScanBytesMax)) {
      reply.text = last;
      break;
    }
    if (shown) {
      output.rows.push_back(RowOfEntry(entry));
      bytes += size;
    }
    ++output.entries_visited;
    last = entry.key();
    cursor.Advance();
  }
  Data(session, reply, output);
  Ok(session, output);
}

}  // namespace nunc
