#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/executor.h"

namespace nunc {
namespace {

bool IsConditional(const Command& command) {
  return command.if_version || command.if_absent || command.if_present || command.if_tags ||
         !command.if_not_tags.empty() || command.edit != nullptr;
}

bool Holds(std::span<const EntryTag> tags, const EntryTag& tag) {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

// What of the present state is against the write; empty: nothing.
std::string WhatDiffers(const Command& command, const Entry& existing) {
  if (command.if_version && *command.if_version != existing.version()) {
    return std::to_string(*command.if_version);
  }
  const EntryTag present{Delivery::ChangeOf(existing).version, existing.revision()};
  if (command.if_tags && !Holds(*command.if_tags, present)) {
    return "the one that was named";
  }
  return Holds(command.if_not_tags, present) ? "another one" : "";
}

}  // namespace

bool Executor::RefuseIf(const Session& session, const Command& command, const Entry* existing,
                        Output& output) {
  if (!IsConditional(command)) {
    return false;
  }
  if (existing == nullptr) {
    const bool needed = command.if_version || command.if_present || command.if_tags;
    if (needed) {
      Error(session, ErrorCode::kKeyAbsent, output, {}, command.if_version.value_or(0));
    }
    return needed;
  }
  if (existing->in_conflict() && command.verb == Verb::kPut) {
    // A condition cannot be handed to an arbiter, as an amount cannot.
    Error(session, ErrorCode::kConflictUnresolved, output,
          output.Keep(session.database->conflicts().NewestKeyOf(command.key)));
    return true;
  }
  std::string differs = command.if_absent ? std::string{} : WhatDiffers(command, *existing);
  if (!command.if_absent && differs.empty()) {
    return false;
  }
  Error(session, command.if_absent ? ErrorCode::kKeyExists : ErrorCode::kVersionDiffers, output,
        output.Keep(std::move(differs)), Delivery::ChangeOf(*existing).version);
  std::get<Reply>(output.items.back()).revision = existing->revision();
  return true;
}

// Reading and writing are one: nothing else runs between them.
void Executor::EditKey(Session& session, const Command& command, Output& output) {
  const Entry* existing = Locate(*session.database, command.key).existing;
  Command write = command;
  write.if_present = true;
  if (RefuseIf(session, write, existing, output)) {
    return;
  }
  std::string fresh;
  if (!command.edit->Edit(existing->value(), fresh)) {
    return Error(session, ErrorCode::kNotEditable, output);
  }
  write.edit = nullptr;
  write.keeps_lifetime = true;
  write.value = output.Keep(std::move(fresh));
  std::optional<ErrorCode> refusal = CheckForm(write, RowOf(write.verb));
  if (!refusal) {
    refusal = CheckSpace(session, write, Effect::kWrites);
  }
  if (refusal) {
    return Error(session, *refusal, output, {}, LimitOf(*refusal));
  }
  SetKey(session, write, output);
  // Who edits has not seen what comes of it.
  for (auto& item : output.items) {
    if (auto* put = std::get_if<Reply>(&item); put != nullptr && put->kind == ReplyKind::kPut) {
      put->text = write.value;
    }
  }
}

}  // namespace nunc
