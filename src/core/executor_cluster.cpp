// What an admin sees of the cluster that this node is a member of, and asks of it.
#include <algorithm>
#include <string>

#include "core/executor.h"

namespace nunc {
namespace {

using Rows = std::vector<Output::Row>;

void AddNumber(Rows& rows, std::string_view field, std::uint64_t number) {
  rows.push_back({.name = field, .version = static_cast<std::int64_t>(number)});
}

void AddSync(Rows& rows, const std::optional<ClusterShown::Sync>& sync) {
  if (sync) {
    AddNumber(rows, "sync_bytes", sync->bytes);
    AddNumber(rows, "sync_about", sync->about);
  }
}

void AddMember(Rows& rows, const ClusterShown& shown, const ClusterShown::Member& member,
               Output& output) {
  AddNumber(rows, kMemberRow, member.id);
  AddNumber(rows, "priority", member.priority);
  rows.push_back({.name = "standing", .detail = member.standing});
  rows.push_back({.name = "peer", .detail = output.Keep(member.peer)});
  rows.push_back({.name = "client", .detail = output.Keep(member.client)});
  rows.push_back({.name = "linked", .detail = member.linked ? "true" : "false"});
  if (member.progress) {
    AddNumber(rows, "received", member.progress->received.value);
    AddNumber(rows, "durable", member.progress->durable.value);
    AddNumber(rows, "lag", shown.head.value - member.progress->durable.value);
  }
  AddSync(rows, member.sync);
}

// As existing clients know it: who is primary, and while nobody is, that all are on their way.
SeenRole RoleOf(const ClusterShown& shown, const ClusterShown::Member& member) {
  if (shown.primary == 0 || member.standing != "voter") {
    return SeenRole::kStartingUp;
  }
  return member.id == shown.primary ? SeenRole::kPrimary : SeenRole::kSecondary;
}

void AddListed(Rows& rows, const ClusterShown& shown, Output& output) {
  for (const ClusterShown::Member& member : shown.members) {
    const std::string_view link = member.id == shown.id ? "self"
                                  : member.linked       ? "Connected"
                                                        : "Disconnected";
    rows.push_back({.name = output.Keep(member.client),
                    .detail = link,
                    .version = static_cast<std::int64_t>(RoleOf(shown, member))});
  }
  std::ranges::sort(rows, {}, &Output::Row::name);
}

bool HasSuccessor(const ClusterShown& shown) {
  return std::ranges::any_of(shown.members, [&shown](const ClusterShown::Member& member) {
    return member.id != shown.id && member.linked && member.standing == "voter" &&
           member.priority > 0;
  });
}

}  // namespace

void Executor::ClusterState(Session& session, const Command& command, Output& output) {
  if (!command.name.empty() && command.name != "json") {
    return Error(session, ErrorCode::kUnknownForm, output, command.name);
  }
  if (options_.cluster == nullptr) {
    if (!command.name.empty()) {
      return Error(session, ErrorCode::kNoCluster, output);
    }
    output.rows.push_back({.name = options_.address,
                           .detail = "self",
                           .version = static_cast<std::int64_t>(SeenRole::kPrimary)});
    Data(session, {.kind = ReplyKind::kCluster}, output);
    return Ok(session, output);
  }
  const ClusterShown shown = options_.cluster->Show();
  if (command.name.empty()) {
    AddListed(output.rows, shown, output);
    Data(session, {.kind = ReplyKind::kCluster}, output);
    return Ok(session, output);
  }
  AddNumber(output.rows, "id", shown.id);
  output.rows.push_back({.name = "role", .detail = shown.role});
  AddNumber(output.rows, "term", shown.term);
  AddNumber(output.rows, "primary", shown.primary);
  if (shown.age_us) {
    AddNumber(output.rows, "age", static_cast<std::uint64_t>(*shown.age_us / kUsPerMs));
  }
  AddNumber(output.rows, "commit", shown.commit.value);
  AddNumber(output.rows, "head", shown.head.value);
  AddSync(output.rows, shown.sync);
  for (const ClusterShown::Member& member : shown.members) {
    AddMember(output.rows, shown, member, output);
  }
  Data(session, {.kind = ReplyKind::kClusterJson}, output);
  Ok(session, output);
}

void Executor::Leave(Session& session, const Command& command, Output& output) {
  if (options_.cluster == nullptr) {
    return Error(session, ErrorCode::kNoCluster, output);
  }
  // Existing scripts name a node that is to go, and may say so to any.
  const ClusterShown shown = options_.cluster->Show();
  const std::string own = std::to_string(shown.id);
  if (command.name != own) {
    return Error(session, ErrorCode::kOtherNode, output, output.Keep(own));
  }
  if (!HasSuccessor(shown)) {
    return Error(session, ErrorCode::kNoSuccessor, output);
  }
  options_.cluster->Leave();
  Ok(session, output);
}

void Executor::ForceElection(Session& session, const Command& /*command*/, Output& output) {
  if (options_.cluster == nullptr) {
    return Error(session, ErrorCode::kNoCluster, output);
  }
  if (follows_) {
    return Error(session, ErrorCode::kNotPrimary, output, primary_);
  }
  if (!HasSuccessor(options_.cluster->Show())) {
    return Error(session, ErrorCode::kNoSuccessor, output);
  }
  options_.cluster->HandOver();
  Ok(session, output);
}

void Executor::PendingOps(Session& session, const Command& /*command*/, Output& output) {
  const std::uint64_t pending =
      options_.cluster == nullptr ? 0
                                  : store_.revision().value - options_.cluster->Show().commit.value;
  if (pending == 0) {
    Data(session, {.kind = ReplyKind::kPendingOps}, output);
  } else {
    output.rows.push_back({.name = output.Keep("not_final: " + std::to_string(pending))});
    Data(session, {.kind = ReplyKind::kLines, .text = "pending-ops"}, output);
  }
  Ok(session, output);
}

}  // namespace nunc
