// What an admin sees of the cluster that this node is a member of.
#include <algorithm>
#include <string>

#include "core/executor.h"

namespace nunc {
namespace {

using Rows = std::vector<Output::Row>;

void AddNumber(Rows& rows, std::string_view field, std::uint64_t number) {
  rows.push_back({.name = field, .version = static_cast<std::int64_t>(number)});
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
  AddNumber(output.rows, "commit", shown.commit.value);
  AddNumber(output.rows, "head", shown.head.value);
  for (const ClusterShown::Member& member : shown.members) {
    AddMember(output.rows, shown, member, output);
  }
  Data(session, {.kind = ReplyKind::kClusterJson}, output);
  Ok(session, output);
}

}  // namespace nunc
