#include "core/forward.h"

#include <cstdint>
#include <span>
#include <utility>
#include <variant>

#include "base/byte_fields.h"
#include "base/limits.h"
#include "core/command_table.h"

namespace nunc {
namespace {

using byte_fields::Append;
using byte_fields::Cursor;

// Of an asker.
constexpr unsigned kAdminFlag = 1;
constexpr unsigned kArbiterFlag = 2;

// Of a command.
constexpr std::uint32_t kHasVersion = 1U << 0U;
constexpr std::uint32_t kHasIfVersion = 1U << 1U;
constexpr std::uint32_t kIfAbsent = 1U << 2U;
constexpr std::uint32_t kIfPresent = 1U << 3U;
constexpr std::uint32_t kHasTags = 1U << 4U;
constexpr std::uint32_t kHasTtl = 1U << 5U;
constexpr std::uint32_t kHasGrace = 1U << 6U;
constexpr std::uint32_t kKeepsLifetime = 1U << 7U;
constexpr std::uint32_t kHasLevel = 1U << 8U;
constexpr std::uint32_t kHasSequence = 1U << 9U;

void AppendText(std::string& out, std::string_view text) {
  Append(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

bool TakeText(Cursor& cursor, std::string_view& text) {
  std::uint32_t size = 0;
  return cursor.Take(size) && cursor.TakeBytes(size, text);
}

std::uint32_t FlagsOf(const Command& command) {
  const auto flag = [](bool set, std::uint32_t bit) { return set ? bit : 0U; };
  return flag(command.version.has_value(), kHasVersion) |
         flag(command.if_version.has_value(), kHasIfVersion) | flag(command.if_absent, kIfAbsent) |
         flag(command.if_present, kIfPresent) | flag(command.if_tags.has_value(), kHasTags) |
         flag(command.ttl_ms.has_value(), kHasTtl) | flag(command.grace_ms.has_value(), kHasGrace) |
         flag(command.keeps_lifetime, kKeepsLifetime) | flag(command.level.has_value(), kHasLevel) |
         flag(command.retry.sequence != 0, kHasSequence);
}

void AppendTags(std::string& out, std::span<const EntryTag> tags) {
  Append(out, static_cast<std::uint32_t>(tags.size()));
  for (const EntryTag& tag : tags) {
    Append(out, tag.version);
    Append(out, tag.revision.value);
  }
}

bool TakeTags(Cursor& cursor, std::vector<EntryTag>& tags) {
  std::uint32_t count = 0;
  constexpr std::size_t kTagBytes = 16;
  if (!cursor.Take(count) || count > cursor.left() / kTagBytes) {
    return false;
  }
  tags.resize(count);
  for (EntryTag& tag : tags) {
    if (!cursor.Take(tag.version) || !cursor.Take(tag.revision.value)) {
      return false;
    }
  }
  return true;
}

// The verb by its word, which stays when verbs are added.
void AppendCommand(std::string& out, const Command& command) {
  AppendText(out, RowOf(command.verb).name);
  for (const std::string_view text :
       {command.name, command.key, command.user, command.secret, command.since, command.value}) {
    AppendText(out, text);
  }
  Append(out, FlagsOf(command));
  Append(out, command.version.value_or(0));
  Append(out, command.if_version.value_or(0));
  Append(out, command.ttl_ms.value_or(0));
  Append(out, command.grace_ms.value_or(0));
  Append(out, command.amount);
  Append(out, command.conflict.value);
  Append(out, std::to_underlying(command.strategy));
  Append(out, std::to_underlying(command.level.value_or(AckLevel::kWritten)));
  if (command.retry.sequence != 0) {
    Append(out, command.retry.session.high);
    Append(out, command.retry.session.low);
    Append(out, command.retry.sequence);
  }
}

template <class T>
void Keep(bool is_set, std::optional<T>& field, T value) {
  if (is_set) {
    field = value;
  }
}

bool TakeNumbers(Cursor& cursor, Command& command) {
  std::uint32_t flags = 0;
  std::int64_t version = 0;
  std::uint32_t if_version = 0;
  std::int64_t ttl_ms = 0;
  std::int64_t grace_ms = 0;
  std::uint8_t strategy = 0;
  std::uint8_t level = 0;
  const bool whole = cursor.Take(flags) && cursor.Take(version) && cursor.Take(if_version) &&
                     cursor.Take(ttl_ms) && cursor.Take(grace_ms) && cursor.Take(command.amount) &&
                     cursor.Take(command.conflict.value) && cursor.Take(strategy) &&
                     cursor.Take(level);
  if (!whole || strategy > std::to_underlying(Strategy::kArbiter) ||
      level > std::to_underlying(AckLevel::kQuorum)) {
    return false;
  }
  Keep((flags & kHasVersion) != 0, command.version, version);
  Keep((flags & kHasIfVersion) != 0, command.if_version, if_version);
  Keep((flags & kHasTtl) != 0, command.ttl_ms, ttl_ms);
  Keep((flags & kHasGrace) != 0, command.grace_ms, grace_ms);
  Keep((flags & kHasLevel) != 0, command.level, static_cast<AckLevel>(level));
  Keep((flags & kHasTags) != 0, command.if_tags, std::span<const EntryTag>{});
  command.strategy = static_cast<Strategy>(strategy);
  command.if_absent = (flags & kIfAbsent) != 0;
  command.if_present = (flags & kIfPresent) != 0;
  command.keeps_lifetime = (flags & kKeepsLifetime) != 0;
  RetryName& retry = command.retry;
  return (flags & kHasSequence) == 0 ||
         (cursor.Take(retry.session.high) && cursor.Take(retry.session.low) &&
          cursor.Take(retry.sequence) && retry.sequence != 0);
}

// All that makes records, or may, and what is asked of the primary.
bool MayBeForwarded(const CommandRow& row) {
  return row.effect != Effect::kReads || row.verb == Verb::kExec || row.verb == Verb::kHello ||
         row.verb == Verb::kArbiter || row.verb == Verb::kWait || row.verb == Verb::kDebug ||
         row.verb == Verb::kLeave || row.verb == Verb::kPromote;
}

bool TakeCommand(Cursor& cursor, Command& command) {
  std::string_view verb;
  if (!TakeText(cursor, verb)) {
    return false;
  }
  const CommandRow* row = FindCommand(verb);
  if (row == nullptr || !MayBeForwarded(*row)) {
    return false;
  }
  command.verb = row->verb;
  for (std::string_view* text : {&command.name, &command.key, &command.user, &command.secret,
                                 &command.since, &command.value}) {
    if (!TakeText(cursor, *text)) {
      return false;
    }
  }
  return TakeNumbers(cursor, command);
}

bool TakeAsker(Cursor& cursor, Asker& asker) {
  std::uint8_t flags = 0;
  if (!TakeText(cursor, asker.database) || !cursor.Take(asker.database_id.value) ||
      !TakeText(cursor, asker.user) || !cursor.Take(asker.name.high) ||
      !cursor.Take(asker.name.low) || !cursor.Take(flags)) {
    return false;
  }
  asker.admin = (flags & kAdminFlag) != 0;
  asker.arbiter = (flags & kArbiterFlag) != 0;
  return flags <= (kAdminFlag | kArbiterFlag);
}

bool TakeReply(Cursor& cursor, Reply& reply, Output& output) {
  std::uint8_t kind = 0;
  std::uint8_t error = 0;
  std::uint32_t rows = 0;
  if (!cursor.Take(kind) || !cursor.Take(error) || !TakeText(cursor, reply.text) ||
      !cursor.Take(reply.number) || !cursor.Take(reply.ttl_ms) ||
      !cursor.Take(reply.revision.value) || !cursor.Take(reply.position) ||
      !cursor.Take(reply.after.value) || !cursor.Take(rows) || rows > kTransactionWritesMax ||
      kind > std::to_underlying(ReplyKind::kLines) ||
      error > std::to_underlying(ErrorCode::kBehind)) {
    return false;
  }
  reply.kind = static_cast<ReplyKind>(kind);
  reply.error = static_cast<ErrorCode>(error);
  reply.first_row = output.rows.size();
  reply.row_count = rows;
  for (std::uint32_t i = 0; i < rows; ++i) {
    Output::Row& row = output.rows.emplace_back();
    if (!TakeText(cursor, row.name) || !TakeText(cursor, row.detail) || !cursor.Take(row.version)) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string EncodeForwarded(const Asker& asker, const Command& command,
                            const Transaction* transaction) {
  std::string bytes;
  AppendText(bytes, asker.database);
  Append(bytes, asker.database_id.value);
  AppendText(bytes, asker.user);
  Append(bytes, asker.name.high);
  Append(bytes, asker.name.low);
  const unsigned flags = (asker.admin ? kAdminFlag : 0U) | (asker.arbiter ? kArbiterFlag : 0U);
  Append(bytes, static_cast<std::uint8_t>(flags));
  AppendCommand(bytes, command);
  AppendTags(bytes, command.if_tags.value_or(std::span<const EntryTag>{}));
  AppendTags(bytes, command.if_not_tags);
  Append(bytes, std::uint8_t{command.edit != nullptr});
  AppendText(bytes, command.edit == nullptr ? std::string_view() : command.edit->source());
  const std::size_t writes = transaction == nullptr ? 0 : transaction->writes().size();
  Append(bytes, static_cast<std::uint32_t>(writes));
  for (std::size_t i = 0; i < writes; ++i) {
    AppendCommand(bytes, transaction->writes()[i].command);
  }
  return bytes;
}

Result<void> DecodeForwarded(std::string_view bytes, Forwarded& into) {
  const auto broken = [] {
    return Fail(Fault::kDamaged, "a forwarded command that cannot be read");
  };
  into = {};
  Cursor cursor(bytes);
  std::uint8_t edits = 0;
  std::string_view edit;
  std::uint32_t writes = 0;
  if (!TakeAsker(cursor, into.asker) || !TakeCommand(cursor, into.command) ||
      !TakeTags(cursor, into.tags) || !TakeTags(cursor, into.not_tags) || !cursor.Take(edits) ||
      !TakeText(cursor, edit) || !cursor.Take(writes) || writes > kTransactionWritesMax) {
    return broken();
  }
  Keep(edits != 0, into.edit, edit);
  if (into.command.if_tags) {
    into.command.if_tags = into.tags;
  }
  into.command.if_not_tags = into.not_tags;
  into.writes.resize(writes);
  for (Command& write : into.writes) {
    if (!TakeCommand(cursor, write)) {
      return broken();
    }
  }
  return cursor.left() == 0 ? Result<void>() : broken();
}

void EncodeReply(const Reply& reply, const Output& output, std::string& bytes) {
  Append(bytes, std::to_underlying(reply.kind));
  Append(bytes, std::to_underlying(reply.error));
  AppendText(bytes, reply.text);
  Append(bytes, reply.number);
  Append(bytes, reply.ttl_ms);
  Append(bytes, reply.revision.value);
  Append(bytes, reply.position);
  Append(bytes, reply.after.value);
  Append(bytes, static_cast<std::uint32_t>(reply.row_count));
  for (std::size_t i = 0; i < reply.row_count; ++i) {
    const Output::Row& row = output.rows[reply.first_row + i];
    AppendText(bytes, row.name);
    AppendText(bytes, row.detail);
    Append(bytes, row.version);
  }
}

Result<void> DecodeReplies(std::string_view bytes, SessionId session, Output& output) {
  Cursor cursor(bytes);
  bool ended = false;
  while (cursor.left() > 0) {
    Reply reply{.session = session};
    if (ended || !TakeReply(cursor, reply, output)) {
      return Fail(Fault::kDamaged, "an answer to a forwarded command that cannot be read");
    }
    ended = reply.is_status();
    output.items.emplace_back(reply);
  }
  return ended ? Result<void>()
               : Fail(Fault::kDamaged, "an answer to a forwarded command without a status");
}

}  // namespace nunc
