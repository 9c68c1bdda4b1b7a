// One member of three, stepped by hand: what it does is kept until it is asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/member.h"

namespace nunc {

inline NodeName NameOf(std::uint64_t id) {
  return {.id = {id}, .incarnation = {id + 100}};
}

// Voters 1 .. count; the higher the id, the higher the priority.
inline Members VotersUpTo(std::uint64_t count) {
  Members members;
  for (std::uint64_t id = 1; id <= count; ++id) {
    members.list.push_back(
        {.name = NameOf(id), .priority = {static_cast<std::uint32_t>(id)}, .address = {}});
  }
  return members;
}

// One byte for each.
inline Replicate Records(Position previous, std::uint64_t term, std::string_view records) {
  return {.previous = previous, .record_term = {term}, .count = records.size(), .records = records};
}

class MemberHand {
 public:
  static constexpr ClusterId kCluster{7, 7};

  // Its log is CONFIG at 1 and records up to `last`, all of term 1 and final.
  MemberHand(std::uint64_t id, Members members, std::uint64_t last = 1)
      : member_({.name = NameOf(id),
                 .cluster = kCluster,
                 .term = {1},
                 .terms = TermTable(std::vector<TermEnd>{{.term = {1}, .last = {last}}}),
                 .commit = {last},
                 .configs = {{.revision = {1}, .members = std::move(members)}},
                 .seed = id},
                0) {}

  explicit MemberHand(MemberStart start) : member_(std::move(start), 0) {}

  void Step(const MemberInput& input) { member_.Step(now_us_, input, actions_); }
  void Pass(std::int64_t us) {
    now_us_ += us;
    Step(TimePassed{});
  }
  void Link(std::uint64_t peer) {
    Step(LinkUp{.hello = {.cluster = kCluster, .name = NameOf(peer), .last = {}}});
  }
  void Hear(std::uint64_t peer, std::uint64_t term, Message message, Revision rewind_floor = {}) {
    const Frame frame{.term = {term}, .message = std::move(message)};
    Step(FrameReceived{.peer = {peer}, .frame = &frame, .rewind_floor = rewind_floor});
  }
  // All that is asked of the disk is done.
  void Disk() {
    for (const StoreMeta& store : Take<StoreMeta>()) {
      Step(MetaStored{.counter = store.counter});
    }
    Step(LogDurable{.upto = member_.last()});
  }

  // The actions of one kind since it was asked last; the others stay.
  template <class Action>
  std::vector<Action> Take() {
    std::vector<Action> taken;
    std::erase_if(actions_, [&](const MemberAction& action) {
      const auto* one = std::get_if<Action>(&action);
      if (one != nullptr) {
        taken.push_back(*one);
      }
      return one != nullptr;
    });
    return taken;
  }
  // So with frames of one kind, and to whom.
  template <class Body>
  std::vector<std::pair<std::uint64_t, Body>> Sent() {
    std::vector<std::pair<std::uint64_t, Body>> taken;
    std::erase_if(actions_, [&](const MemberAction& action) {
      const auto* send = std::get_if<SendFrame>(&action);
      const Body* body = send == nullptr ? nullptr : std::get_if<Body>(&send->frame.message);
      if (body != nullptr) {
        taken.emplace_back(send->peer.value, *body);
      }
      return body != nullptr;
    });
    return taken;
  }
  void Forget() { actions_.clear(); }

  // Elected by its peer 2 or 1, with its first record on both disks and final.
  void BecomePrimary(std::uint64_t helper) {
    now_us_ = std::max(now_us_, member_.deadline_us());
    Step(TimePassed{});
    const std::uint64_t term = member_.term().value + 1;
    Hear(helper, term - 1, Alive{.election = {term}, .grant = true, .probe = true});
    Disk();
    Hear(helper, term, Alive{.election = {term}, .grant = true});
    Disk();
    Answer(helper);
  }
  // The peer has all of the log.
  void Answer(std::uint64_t peer) {
    const Revision last = member_.last().revision;
    Hear(peer, member_.term().value,
         Ack{.received = last, .durable = last, .applied = last, .stamp_us = now_us_});
  }

  [[nodiscard]] const Member& member() const { return member_; }
  Member& mutable_member() { return member_; }
  [[nodiscard]] std::int64_t now_us() const { return now_us_; }

 private:
  Member member_;
  std::int64_t now_us_ = 0;
  std::vector<MemberAction> actions_;
};

}  // namespace nunc
