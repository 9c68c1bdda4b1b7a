// A command on its way to the node that makes the records, and what was answered there, as bytes.
//
// Shape:   who asks, the command, and of `exec` the writes of its transaction. Answers are replies
//          in their order, the last one a status.
// Errors:  kDamaged, and what was wrong: it comes from a socket, and nothing of it is trusted.
// Owner:   what is decoded are views into the bytes.
// Source:  docs/cluster-protocol.md (Forward, ForwardReply).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/command.h"
#include "core/ids.h"
#include "core/output.h"
#include "core/transaction.h"

namespace nunc {

// For whom the command of another node is run: what its session may do there.
struct Asker {
  std::string_view database{};  // the selected one; empty: none
  DatabaseId database_id{};
  std::string_view user{};
  SessionName name{};
  bool admin = false;
  bool arbiter = false;  // of that database, where it is connected
};

struct Forwarded {
  Asker asker{};
  Command command{};
  std::vector<Command> writes{};  // of exec
  std::vector<EntryTag> tags{};   // of the command
  std::vector<EntryTag> not_tags{};
  std::optional<std::string_view> edit{};  // ValueEdit::source
};

// `transaction`: of exec; else null.
std::string EncodeForwarded(const Asker& asker, const Command& command,
                            const Transaction* transaction);
Result<void> DecodeForwarded(std::string_view bytes, Forwarded& into);

void EncodeReply(const Reply& reply, const Output& output, std::string& bytes);
// Appends replies and their rows for `session`.
Result<void> DecodeReplies(std::string_view bytes, SessionId session, Output& output);

}  // namespace nunc
