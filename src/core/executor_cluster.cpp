// What an admin sees of the cluster that this node is a member of, and asks of it.
#include <algorithm>
#include <string>

#include "base/limits.h"
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
  if (member.progress && member.standing == kArbiterNodeStanding) {
    AddNumber(rows, "floor", member.progress->durable.value);
  } else if (member.progress) {
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

using ShownMember = ClusterShown::Member;

const ShownMember* Find(const ClusterShown& shown, std::string_view id) {
  const auto found = std::ranges::find_if(
      shown.members, [id](const ShownMember& member) { return std::to_string(member.id) == id; });
  return found == shown.members.end() ? nullptr : &*found;
}

bool MayLead(const ShownMember& member) {
  return member.linked && member.standing == "voter" && member.priority > 0;
}

bool HasArbiterNode(const ClusterShown& shown, std::uint64_t beside) {
  return std::ranges::any_of(shown.members, [beside](const ShownMember& member) {
    return member.id != beside && member.arbiter_node;
  });
}

bool HasSuccessor(const ClusterShown& shown, std::uint64_t of) {
  return std::ranges::any_of(shown.members, [of](const ShownMember& member) {
    return member.id != of && MayLead(member);
  });
}

// Whether those that are linked can confirm anything without that one.
bool KeepsMajority(const ClusterShown& shown, std::uint64_t without) {
  std::size_t voters = 0;
  std::size_t linked = 0;
  for (const ShownMember& member : shown.members) {
    if (member.id != without && member.standing == "voter") {
      ++voters;
      linked += member.linked ? 1 : 0;
    }
  }
  return linked > voters / 2;
}

std::string IdsOf(const ClusterShown& shown) {
  std::string ids;
  for (const ShownMember& member : shown.members) {
    ids.append(ids.empty() ? "" : ", ").append(std::to_string(member.id));
  }
  return ids.empty() ? "-" : ids;
}

bool IsAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  return colon != std::string_view::npos && colon > 0 && text.size() <= kPeerAddressBytesMax &&
         text.find_first_not_of("0123456789", colon + 1) == std::string_view::npos &&
         colon + 1 < text.size();
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
  if (!shown.refused.empty()) {
    output.rows.push_back({.name = "refused", .detail = shown.refused});
  }
  for (const ClusterShown::Member& member : shown.members) {
    AddMember(output.rows, shown, member, output);
  }
  Data(session, {.kind = ReplyKind::kClusterJson}, output);
  Ok(session, output);
}

// What changes who is primary or a member. All nodes take it, and the primary does it: but that a
// node goes itself it may say to all others, and anyone can dial.
void Executor::AskCluster(Session& session, const Command& command, Output& output) {
  if (options_.cluster == nullptr) {
    return Error(session, ErrorCode::kNoCluster, output);
  }
  const ClusterShown shown = options_.cluster->Show();
  if (command.verb == Verb::kAddNode) {
    const bool there =
        std::ranges::find(shown.members, command.name, &ShownMember::peer) != shown.members.end();
    if (there || !IsAddress(command.name)) {
      return Error(session, there ? ErrorCode::kMemberThere : ErrorCode::kBadAddress, output,
                   command.name);
    }
    options_.cluster->AddNode(command.name);
    return Ok(session, output);
  }
  const bool any = command.verb == Verb::kDebug;  // force-election
  const ShownMember* member = any ? nullptr : Find(shown, command.name);
  const bool goes_itself =
      command.verb == Verb::kLeave && member != nullptr && member->id == shown.id;
  if (follows_ && !goes_itself) {
    // What the primary answers is given here when this node has applied it: one without data never
    // does.
    return options_.cluster->holds_data()
               ? Forward(session, command, output)
               : Error(session, ErrorCode::kNotPrimary, output, primary_);
  }
  if (!any && member == nullptr) {
    return Error(session, ErrorCode::kUnknownMember, output, output.Keep(IdsOf(shown)));
  }
  if (command.verb == Verb::kPromote) {
    if (!MayLead(*member)) {
      return Error(session, ErrorCode::kCannotLead, output, command.name);
    }
    if (member->id != shown.id) {
      options_.cluster->HandOver(member->id);
    }
    return Ok(session, output);
  }
  if (!any && HasArbiterNode(shown, member->id)) {
    return Error(session, ErrorCode::kOperationFailed, output,
                 "an arbiter node is a member, and with it exactly two nodes with data: it must "
                 "leave first");
  }
  if (!HasSuccessor(shown, any ? shown.id : member->id)) {
    return Error(session, ErrorCode::kNoSuccessor, output);
  }
  if (any) {
    options_.cluster->HandOver(0);
    return Ok(session, output);
  }
  if (!KeepsMajority(shown, member->id)) {
    return Error(session, ErrorCode::kNoMajority, output, command.name);
  }
  options_.cluster->Leave(member->id);
  Ok(session, output);
}

// For a node that wants to join: it is told nothing that it could not find by dialing.
void Executor::TellPeerAddress(Session& session, const Command& /*command*/, Output& output) {
  const ClusterShown shown =
      options_.cluster == nullptr ? ClusterShown{} : options_.cluster->Show();
  const auto self = std::ranges::find(shown.members, shown.id, &ShownMember::id);
  if (self == shown.members.end()) {
    return Error(session, ErrorCode::kNoCluster, output);
  }
  output.rows.push_back({.name = output.Keep(self->peer)});
  Data(session, {.kind = ReplyKind::kLines, .text = "peer-address"}, output);
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
