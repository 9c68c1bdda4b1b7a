#include "cli/cluster.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "language/json.h"

namespace nunc {
namespace {

constexpr std::string_view kAsksForState = "cluster-state json";
constexpr std::string_view kTitle = "cluster-state ";
constexpr std::string_view kDone = "empty";  // an answer of nothing but ok

struct SeenMember {
  std::string id{};
  std::string priority{};
  std::string standing{};
  std::string linked{};
  std::string received{};
  std::string lag{};
  std::string client{};
  std::string peer{};
};

// As a person reads it; `-`: the node did not say.
struct SeenCluster {
  std::string id{};
  std::string role{};
  std::string term{};
  std::string primary{};
  std::string age{};
  std::string commit{};
  std::string head{};
  std::vector<SeenMember> members{};

  [[nodiscard]] const SeenMember* Find(std::string_view member) const {
    const auto found = std::ranges::find(members, member, &SeenMember::id);
    return found == members.end() ? nullptr : &*found;
  }
};

std::string ValueOf(std::span<const JsonMember> members, std::string_view field) {
  const auto member = std::ranges::find(members, field, &JsonMember::name);
  if (member == members.end() || member->type == JsonType::kNull) {
    return "-";
  }
  if (member->type == JsonType::kBool) {
    return member->integer != 0 ? "yes" : "no";
  }
  if (member->type != JsonType::kString) {
    return std::string(member->raw);
  }
  // An address comes from another node, and must not steer the terminal.
  std::string text(member->text);
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) <= 0x20; }, '?');
  return text.empty() ? "-" : text;
}

// False: it is no list of members.
bool TakeMembers(std::string_view raw, std::vector<SeenMember>& into) {
  JsonReader reader;
  JsonElements elements(raw);
  for (std::string_view element; elements.Next(element);) {
    if (reader.ReadObject(element) != JsonFault::kNone) {
      return false;
    }
    const std::span<const JsonMember> fields = reader.members();
    into.push_back({.id = ValueOf(fields, "id"),
                    .priority = ValueOf(fields, "priority"),
                    .standing = ValueOf(fields, "standing"),
                    .linked = ValueOf(fields, "linked"),
                    .received = ValueOf(fields, "received"),
                    .lag = ValueOf(fields, "lag"),
                    .client = ValueOf(fields, "client"),
                    .peer = ValueOf(fields, "peer")});
  }
  return true;
}

// What follows the answer to `auth`.
std::string_view BehindAuth(std::string_view answer) {
  answer.remove_prefix(std::min(answer.size(), answer.find(';') + 1));
  while (answer.ends_with('\n') || answer.ends_with(' ')) {
    answer.remove_suffix(1);
  }
  return answer;
}

Result<std::string> AskState(const ClusterAsk& server) {
  Result<std::string> answer = server.ask(kAsksForState);
  if (!answer) {
    return answer;
  }
  const std::size_t at = answer->find(kTitle);
  if (at == std::string::npos) {
    return Fail(Fault::kUnavailable, std::string(BehindAuth(*answer)));
  }
  std::string json = answer->substr(at + kTitle.size());
  json.erase(json.find_last_not_of('\n') + 1);
  return json;
}

Result<SeenCluster> ReadState(std::string_view json) {
  const auto broken = [] {
    return Fail(Fault::kUnavailable, "the answer holds no list of members");
  };
  JsonReader reader;
  if (reader.ReadObject(json) != JsonFault::kNone) {
    return broken();
  }
  const std::span<const JsonMember> fields = reader.members();
  SeenCluster seen{.id = ValueOf(fields, "id"),
                   .role = ValueOf(fields, "role"),
                   .term = ValueOf(fields, "term"),
                   .primary = ValueOf(fields, "primary"),
                   .age = ValueOf(fields, "age"),
                   .commit = ValueOf(fields, "commit"),
                   .head = ValueOf(fields, "head")};
  const auto list = std::ranges::find(fields, "members", &JsonMember::name);
  const bool whole = list != fields.end() && list->type == JsonType::kArray &&
                     TakeMembers(list->raw, seen.members);
  return whole ? Result<SeenCluster>(std::move(seen)) : broken();
}

Result<SeenCluster> See(const ClusterAsk& server) {
  const Result<std::string> json = AskState(server);
  return json ? ReadState(*json) : tl::unexpected(json.error());
}

ExitCode SayWhyNot(const Error& error, const Printer& printer) {
  printer.say(error.detail);
  return error.fault == Fault::kInvalid ? ExitCode::kUsage : ExitCode::kUnreachable;
}

// ---- status

using Line = std::vector<std::string>;

void PrintTable(const std::vector<Line>& lines, const Printer& printer) {
  for (const Line& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      std::size_t width = 0;
      for (const Line& other : lines) {
        width = std::max(width, other[i].size());
      }
      text.append(line[i]);
      text.append(i + 1 < line.size() ? width + 2 - line[i].size() : 0, ' ');
    }
    printer.print(text);
  }
}

std::string RoleOf(const SeenMember& member, const SeenCluster& seen) {
  if (member.standing != "voter") {
    return member.standing;
  }
  return member.id == seen.primary ? "primary" : "secondary";
}

void PrintState(const SeenCluster& seen, const Printer& printer) {
  printer.print("node " + seen.id + " is " + seen.role + ", term " + seen.term + ", primary " +
                seen.primary + ", final up to " + seen.commit + " of " + seen.head +
                (seen.age == "-" ? "" : ", " + seen.age + " ms old"));
  std::vector<Line> lines{{"ID", "ROLE", "PRIORITY", "LINKED", "LAST", "LAG", "CLIENTS", "NODES"}};
  std::string missing;
  for (const SeenMember& member : seen.members) {
    lines.push_back({member.id, RoleOf(member, seen), member.priority, member.linked,
                     member.received, member.lag, member.client, member.peer});
    if (member.linked == "no") {
      missing.append(missing.empty() ? "" : ", ").append(member.id);
    }
  }
  PrintTable(lines, printer);
  if (!missing.empty()) {
    printer.print("missing, as node " + seen.id + " sees it: " + missing);
  }
}

ExitCode ShowStatus(bool json, const ClusterAsk& server, const Printer& printer) {
  const Result<std::string> state = AskState(server);
  const Result<SeenCluster> seen = state ? ReadState(*state) : tl::unexpected(state.error());
  if (!seen) {
    return SayWhyNot(seen.error(), printer);
  }
  if (json) {
    printer.print(*state);
  } else {
    PrintState(*seen, printer);
  }
  return seen->primary == "-" ? ExitCode::kUsage : ExitCode::kOk;
}

// ---- changes

// What is asked for, and when it is done.
struct Change {
  std::string command;
  std::function<bool(const SeenCluster&)> is_done;
  std::string not_yet;  // what to do when it is not done in time
};

// A refusal, for people who do not know the words of the language.
std::string WhyRefused(std::string_view said) {
  constexpr std::string_view kNotPrimary = "not-primary ";
  if (!said.starts_with(kNotPrimary)) {
    return std::string(said);
  }
  const std::string door(said.substr(kNotPrimary.size()));
  return door == "-" ? "there is no primary now that could do it: see `nunc cluster status`"
                     : "this node does not pass it on (--forward off): ask the primary, whose TCP "
                       "door is " +
                           door;
}

// The cluster as it is then.
Result<SeenCluster> Make(const Change& change, const ClusterAsk& server) {
  const Result<std::string> answer = server.ask(change.command);
  if (!answer) {
    return tl::unexpected(answer.error());
  }
  if (const std::string_view said = BehindAuth(*answer); said != kDone) {
    return Fail(Fault::kUnavailable, WhyRefused(said));
  }
  do {
    // A node that hands its role over, or takes one, may be silent for a moment.
    Result<SeenCluster> seen = See(server);
    if (seen && change.is_done(*seen)) {
      return seen;
    }
  } while (server.wait());
  return Fail(Fault::kUnavailable, change.not_yet);
}

std::uint64_t NumberOf(const std::string& text) {
  return std::strtoull(text.c_str(), nullptr, 10);
}

ExitCode Promote(const std::string& node, const ClusterAsk& server, const Printer& printer) {
  const Result<SeenCluster> seen =
      Make({.command = "promote " + node,
            .is_done = [&](const SeenCluster& now) { return now.primary == node; },
            .not_yet = "node " + node +
                       " is not primary yet: it may lag, or another one has taken the role; see "
                       "`nunc cluster status`"},
           server);
  if (!seen) {
    return SayWhyNot(seen.error(), printer);
  }
  printer.print("node " + node + " is primary, term " + seen->term);
  const SeenMember* now = seen->Find(node);
  for (const SeenMember& member : seen->members) {
    if (now != nullptr && member.standing == "voter" &&
        NumberOf(member.priority) > NumberOf(now->priority)) {
      printer.print("node " + member.id +
                    " has a higher priority, and takes the role back if it is up, unless the "
                    "cluster was begun with --takeover off");
    }
  }
  return ExitCode::kOk;
}

ExitCode Remove(const std::string& node, const ClusterAsk& server, const Printer& printer) {
  const Result<SeenCluster> seen =
      Make({.command = "leave " + node,
            // It will not hear itself that it is out.
            .is_done =
                [&](const SeenCluster& now) { return now.id == node || now.Find(node) == nullptr; },
            .not_yet = "node " + node + " is a member still; see `nunc cluster status`"},
           server);
  if (!seen) {
    return SayWhyNot(seen.error(), printer);
  }
  printer.print(seen->id == node ? "node " + node +
                                       " leaves: `nunc cluster status` of another node tells when "
                                       "it is out. Then stop it"
                                 : "node " + node + " is no member any more: stop it if it runs");
  printer.print("its folder is of no further use; to come back it needs an empty one");
  return ExitCode::kOk;
}

ExitCode Add(const std::string& address, const ClusterAsk& server, const Printer& printer) {
  const Result<SeenCluster> before = See(server);
  if (!before) {
    return SayWhyNot(before.error(), printer);
  }
  std::string added;
  const Result<SeenCluster> seen = Make(
      {.command = "add-node " + address,
       // It may be called otherwise by the others than here, or come in place of one of its id.
       .is_done =
           [&](const SeenCluster& now) {
             for (const SeenMember& member : now.members) {
               if (member.peer == address || before->Find(member.id) == nullptr) {
                 added = member.id;
                 return member.standing != "joining";
               }
             }
             return false;
           },
       .not_yet = "no node has joined from " + address +
                  " yet: it must run with --join wait and an empty folder, listen there for other "
                  "nodes (its line `nunc peers`), and have the secret of the cluster"},
      server);
  if (!seen && added.empty()) {
    return SayWhyNot(seen.error(), printer);
  }
  printer.print("node " + added + (seen ? " is a member" : " has joined, and is catching up"));
  return ExitCode::kOk;
}

}  // namespace

ExitCode RunCluster(const ClusterArguments& arguments, const ClusterAsk& server,
                    const Printer& printer) {
  switch (arguments.what) {
    case ClusterWhat::kStatus:
      return ShowStatus(arguments.json, server, printer);
    case ClusterWhat::kAdd:
      return Add(arguments.which, server, printer);
    case ClusterWhat::kRemove:
      return Remove(arguments.which, server, printer);
    case ClusterWhat::kPromote:
      break;
  }
  return Promote(arguments.which, server, printer);
}

}  // namespace nunc
