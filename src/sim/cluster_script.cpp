#include "sim/cluster_script.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "cluster/members.h"

namespace nunc {

namespace {

constexpr ClusterId kScriptCluster{1, 1};

std::string TextOfPlace(const Position& position) {
  return std::to_string(position.term.value) + "." + std::to_string(position.revision.value);
}

std::string TextOfMembers(const Members& members) {
  std::string text;
  for (const MemberInfo& member : members.list) {
    text += " " + std::to_string(member.name.id.value);
    if (member.standing != Standing::kVoter) {
      text += "(learns)";
    }
    if (member.arbiter_node) {
      text += "(arbiter node)";
    }
  }
  return text;
}

std::string_view TextOfRole(RoleName role) {
  switch (role) {
    case RoleName::kLearner:
      return "learner";
    case RoleName::kSecondary:
      return "secondary";
    case RoleName::kCandidate:
      return "candidate";
    case RoleName::kPrimary:
      return "primary";
    case RoleName::kArbiterNode:
      return "arbiter node";
  }
  return {};
}

// What is worth a line; pings and plain answers are not.
struct FrameText {
  std::string operator()(const Election& election) const {
    return std::string(election.probe ? "Probe" : "Election") + " last " +
           TextOfPlace(election.last) + (election.forced ? " forced" : "");
  }
  std::string operator()(const Alive& alive) const {
    return std::string("Alive ") + (alive.grant ? "grants" : "refuses") +
           (alive.probe ? " the probe for " : " the vote in ") +
           std::to_string(alive.election.value);
  }
  std::string operator()(const Victory& victory) const {
    return "Victory from " + std::to_string(victory.start.value);
  }
  std::string operator()(const Replicate& replicate) const {
    if (replicate.count == 0) {
      return {};
    }
    return "Replicate " + std::to_string(replicate.count) + " of term " +
           std::to_string(replicate.record_term.value) + " behind " +
           TextOfPlace(replicate.previous);
  }
  std::string operator()(const Ack& ack) const {
    std::string text = ack.conflict ? "Ack conflict, has" : "";
    for (const TermEnd& end : ack.terms) {
      text += " " + TextOfPlace({.term = end.term, .revision = end.last});
    }
    return text;
  }
  std::string operator()(const TakeOver& take_over) const {
    return "TakeOver last " + TextOfPlace(take_over.last);
  }
  std::string operator()(const Refused& refused) const {
    return "Refused: " + std::string(TextOf(refused.reason));
  }
  std::string operator()(const Join& /*join*/) const { return "Join"; }
  std::string operator()(const Leave& /*leave*/) const { return "Leave"; }
  // Scripts have no clients, and a Hello says nothing that the link does not.
  template <class Other>
  std::string operator()(const Other& /*other*/) const {
    return {};
  }
  std::string operator()(const RecoverRequest& recover) const {
    return "Recover last " + TextOfPlace(recover.last);
  }
  std::string operator()(const Floor& floor) const {
    return floor.position.term.value == 0 ? "" : "Floor " + TextOfPlace(floor.position);
  }
};

std::optional<std::size_t> Number(const std::string& word) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size() ? std::optional(number)
                                                                  : std::nullopt;
}

}  // namespace

std::string ClusterScript::Run(std::string_view script) {
  ClusterScript run;
  std::istringstream lines{std::string(script)};
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with("  ")) {
      continue;
    }
    run.trace_ += line + "\n";
    std::istringstream text(line.substr(0, line.find('#')));
    Words words;
    for (std::string word; text >> word;) {
      words.push_back(word);
    }
    if (!words.empty()) {
      run.Do(words);
    }
  }
  return run.trace_;
}

void ClusterScript::Do(const Words& words) {
  std::optional<std::size_t> first;
  std::optional<std::size_t> second;
  if (words.size() > 1) {
    first = Number(words[1]);
  }
  if (words.size() > 2) {
    second = Number(words[2]);
  }
  const std::size_t node = first.value_or(0) - 1;
  bool known = true;
  if (words[0] == "nodes" && first) {
    MakeNodes(*first, words.back() == "arbiter-node");
  } else if (words[0] == "deliver" && words.size() == 1) {
    DeliverAll();
  } else if (words[0] == "show") {
    Show();
  } else if (words[0] == "pass" && first) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      clocks_[i] += static_cast<std::int64_t>(*first) * 1'000;
      if (nodes_[i].runs()) {
        Step(i, TimePassed{});
      }
    }
  } else if (node < nodes_.size() && second && *second - 1 < nodes_.size() &&
             DoLink(words[0], node, *second - 1)) {
    known = true;
  } else {
    known = node < nodes_.size() &&
            (nodes_[node].runs() ? DoNode(words[0], node, words) : DoStart(words[0], node));
  }
  if (!known) {
    Say("no such command, or no such node");
  }
  if (oracle_ && oracle_->broken()) {
    Say("BROKEN: " + *oracle_->broken());
  }
}

bool ClusterScript::DoLink(const std::string& what, std::size_t from, std::size_t to) {
  if (what == "deliver") {
    for (std::size_t left = mail_[{from, to}].size(); left > 0; --left) {
      DeliverOne(from, to);
    }
  } else if (what == "drop") {
    mail_[{from, to}].clear();
  } else if (what == "cut") {
    cut_.insert({from, to});
    mail_[{from, to}].clear();
  } else if (what == "heal") {
    cut_.erase({from, to});
    Connect(from, to);
  } else {
    return false;
  }
  return true;
}

bool ClusterScript::DoStart(const std::string& what, std::size_t node) {
  if (what == "start") {
    Start(node);
  } else if (what == "empty") {
    nodes_[node].Replace({next_incarnation_++});
    Start(node);
    Step(node, JoinAsked{.priority = {static_cast<std::uint32_t>(node + 1)}, .address = {}});
  } else {
    return false;
  }
  return true;
}

bool ClusterScript::DoNode(const std::string& what, std::size_t node, const Words& words) {
  const std::size_t count = words.size() > 2 ? Number(words[2]).value_or(0) : 0;
  if (what == "wait") {
    clocks_[node] += static_cast<std::int64_t>(count) * 1'000;
  } else if (what == "timer") {
    clocks_[node] = std::max(clocks_[node], nodes_[node].member().deadline_us());
    Step(node, TimePassed{});
  } else if (what == "propose") {
    for (std::size_t i = 0; i < count && nodes_[node].member().accepting(); ++i) {
      nodes_[node].Propose(clocks_[node], next_id_++);
      AfterStep(node);
    }
  } else if (what == "crash") {
    Crash(node, count);
  } else if (what == "hold") {
    held_.insert(node);
  } else if (what == "free") {
    held_.erase(node);
    Disk(node, true);
  } else if (what == "sync") {
    nodes_[node].BeginSync();
    nodes_[node].EndSync(clocks_[node]);
    AfterStep(node);
  } else if (what == "join") {
    Step(node, JoinAsked{.priority = {static_cast<std::uint32_t>(node + 1)}, .address = {}});
  } else if (what == "leave") {
    Step(node, LeaveAsked{});
  } else if (what == "hand-over") {
    Step(node, HandOverAsked{});
  } else {
    return false;
  }
  return true;
}

void ClusterScript::MakeNodes(std::size_t count, bool arbiter_node) {
  Members founders;
  for (std::uint64_t id = 1; id <= count; ++id) {
    founders.list.push_back({.name = {.id = {id}, .incarnation = {id}},
                             .priority = {static_cast<std::uint32_t>(id)},
                             .address = {}});
  }
  if (arbiter_node) {
    founders.list.back().arbiter_node = true;
    founders.list.back().priority = {};
  }
  for (std::uint64_t id = 1; id <= count + 2; ++id) {
    nodes_.emplace_back(NodeName{.id = {id}, .incarnation = {id}},
                        id <= count ? kScriptCluster : ClusterId{},
                        id <= count ? &founders : nullptr);
  }
  clocks_.resize(nodes_.size());
  seen_.resize(nodes_.size());
  oracle_.emplace(nodes_);
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    nodes_[node].SetHooks({.send =
                               [this, node](NodeId to, const Frame& frame, std::string bytes) {
                                 SayFrame(node, to, frame);
                                 if (!cut_.contains({node, to.value - 1})) {
                                   mail_[{node, to.value - 1}].push_back(std::move(bytes));
                                 }
                               },
                           .close =
                               [this, node](NodeId peer, const std::string& why) {
                                 Say(std::to_string(node + 1) + " closes its link with " +
                                     std::to_string(peer.value) + ": " + why);
                               },
                           .action =
                               [this, node](const MemberAction& action) {
                                 SayAction(node, action);
                                 oracle_->Hear(nodes_[node], clocks_[node], action);
                               }});
  }
  for (std::size_t node = 0; node < count; ++node) {
    Start(node);
  }
}

void ClusterScript::Start(std::size_t node) {
  nodes_[node].Start(clocks_[node], node + 1);
  oracle_->Restarted(nodes_[node]);
  seen_[node] = {.role = nodes_[node].member().role(),
                 .term = nodes_[node].member().term(),
                 .commit = nodes_[node].member().commit()};
  for (std::size_t other = 0; other < nodes_.size(); ++other) {
    if (other != node && nodes_[other].runs()) {
      Connect(node, other);
    }
  }
}

// A link is made anew: what the old one carried is lost, and both say who they are.
void ClusterScript::Connect(std::size_t a, std::size_t b) {
  const bool cut = cut_.contains({a, b}) || cut_.contains({b, a});
  if (cut || !nodes_[a].runs() || !nodes_[b].runs()) {
    return;
  }
  for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
    mail_[{from, to}].clear();
    nodes_[from].SayHello({to + 1});
  }
  DeliverOne(a, b);
  DeliverOne(b, a);
}

void ClusterScript::Crash(std::size_t node, std::size_t kept) {
  nodes_[node].Crash(kept, false, 0);
  for (std::size_t other = 0; other < nodes_.size(); ++other) {
    mail_[{node, other}].clear();
    mail_[{other, node}].clear();
    if (other != node && nodes_[other].runs()) {
      Step(other, LinkDown{.peer = {node + 1}});
    }
  }
}

void ClusterScript::Step(std::size_t node, const MemberInput& input) {
  nodes_[node].Step(clocks_[node], input);
  AfterStep(node);
}

void ClusterScript::AfterStep(std::size_t node) {
  const Member& member = nodes_[node].member();
  Seen& seen = seen_[node];
  if (member.role() != seen.role ||
      (member.term() != seen.term && member.role() == RoleName::kPrimary)) {
    Say(std::to_string(node + 1) + " is " + std::string(TextOfRole(member.role())) + " in term " +
        std::to_string(member.term().value));
  }
  if (member.commit() != seen.commit) {
    Say(std::to_string(node + 1) + " takes " + std::to_string(member.commit().value) +
        " for final");
  }
  seen = {.role = member.role(), .term = member.term(), .commit = member.commit()};
  oracle_->Look(nodes_[node], clocks_[node]);
  Disk(node, false);
}

void ClusterScript::Disk(std::size_t node, bool held_too) {
  if (held_.contains(node) && !held_too) {
    return;
  }
  while (nodes_[node].stores() > 0) {
    nodes_[node].EndStore(clocks_[node]);
    AfterStep(node);
  }
  if (nodes_[node].log().dirty() && !nodes_[node].log().syncs()) {
    nodes_[node].BeginSync();
    nodes_[node].EndSync(clocks_[node]);
    AfterStep(node);
  }
}

bool ClusterScript::DeliverOne(std::size_t from, std::size_t to) {
  auto& queue = mail_[{from, to}];
  if (queue.empty() || !nodes_[to].runs()) {
    return false;
  }
  const std::string bytes = std::move(queue.front());
  queue.pop_front();
  if (const auto decoded = DecodeFrame(bytes); decoded && decoded->has_value()) {
    oracle_->Arrived(nodes_[to], {from + 1}, (*decoded)->frame);
  }
  if (!nodes_[to].Receive(clocks_[to], {from + 1}, bytes)) {
    Say(std::to_string(to + 1) + " refuses " + std::to_string(from + 1));
  }
  AfterStep(to);
  return true;
}

void ClusterScript::DeliverAll() {
  std::size_t deliveries = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t from = 0; from < nodes_.size(); ++from) {
      for (std::size_t to = 0; to < nodes_.size(); ++to) {
        moved = DeliverOne(from, to) || moved;
      }
      if (nodes_[from].runs() && nodes_[from].member().role() == RoleName::kPrimary &&
          nodes_[from].member().deadline_us() <= clocks_[from]) {
        Step(from, TimePassed{});
        moved = true;
      }
    }
    if (++deliveries > kDeliveriesMax) {
      Say("there is no end to what is sent");
      return;
    }
  }
}

void ClusterScript::Show() {
  for (const ClusterNode& node : nodes_) {
    if (node.runs()) {
      const Member& member = node.member();
      Say(std::to_string(node.name().id.value) + ": " + std::string(TextOfRole(member.role())) +
          ", term " + std::to_string(member.term().value) + ", last " + TextOfPlace(member.last()) +
          ", durable " + std::to_string(member.durable().value) + ", final " +
          std::to_string(member.commit().value) + ", members" + TextOfMembers(member.members()));
    }
  }
}

void ClusterScript::SayFrame(std::size_t from, NodeId to, const Frame& frame) {
  const std::string text = std::visit(FrameText{}, frame.message);
  if (!text.empty()) {
    Say(std::to_string(from + 1) + " -> " + std::to_string(to.value) + " term " +
        std::to_string(frame.term.value) + " " + text);
  }
}

void ClusterScript::SayAction(std::size_t node, const MemberAction& action) {
  const std::string who = std::to_string(node + 1);
  if (const auto* store = std::get_if<StoreMeta>(&action)) {
    Say(who + " stores term " + std::to_string(store->term.value) + ", vote for " +
        (store->voted_for == NodeId{} ? "nobody" : std::to_string(store->voted_for.value)) +
        (store->floor == Position{} ? "" : ", floor " + TextOfPlace(store->floor)));
  } else if (const auto* write = std::get_if<WriteRecord>(&action)) {
    const auto members = DecodeMembers(write->members);
    Say(who + " writes " + TextOfPlace(write->at) +
        (members ? ", members" + TextOfMembers(*members) : ", NOOP"));
  } else if (const auto* rewind = std::get_if<RewindLog>(&action)) {
    Say(who + " rewinds to " + std::to_string(rewind->last.value));
  } else if (const auto* stop = std::get_if<StopNode>(&action)) {
    Say(who + " stops: " + stop->why);
  }
}

}  // namespace nunc
