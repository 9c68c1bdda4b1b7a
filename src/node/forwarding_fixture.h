// Two nodes and what they tell each other about commands, frame by frame.
//
// Owner:   tests of the node.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "node/follow_fixture.h"
#include "node/forwarding.h"

namespace nunc {

inline constexpr NodeId kThere{1};  // the primary
inline constexpr NodeId kHere{2};
inline constexpr std::int64_t kTimeoutUs = 2'000'000;
inline const std::string kUnknown =
    "error " + std::to_string(static_cast<int>(ErrorCode::kUnknownOutcome));
inline const std::string kNobody =
    "error " + std::to_string(static_cast<int>(ErrorCode::kNotPrimary)) + " -";

class ForwardingTest : public FollowTest {
 protected:
  static constexpr SessionId kGuest{.slot = kStandInsMax + 2, .generation = 1};  // here

  ForwardingTest()
      : FollowTest(true),
        there_({.node = primary_,
                .send = [this](NodeId, const Message& message) { Post(to_here_, message); },
                .tell = [this](const Input& input) { StepThere(input); },
                .may_run = [this] { return may_run_; },
                .term_at = [](Revision) { return Term{1}; }},
               kThere, kTimeoutUs),
        here_({.node = secondary_,
               .send = [this](NodeId, const Message& message) { Post(to_there_, message); },
               .tell = [this](const Input& input) { Step(input); },
               .may_run = [] { return true; },
               .term_at = [this](Revision) { return term_here_; }},
              kHere, kTimeoutUs) {
    there_.SetPrimary(kThere, {1});
    here_.SetPrimary(kThere, {1});
    Step(SessionOpened{.session = kGuest, .name = {.high = 3, .low = 4}});
    Run(kGuest, {.verb = Verb::kUseDb, .name = "db", .secret = "token"});
  }

  static void Post(std::deque<std::string>& into, const Message& message) {
    EncodeFrame({.term = {1}, .message = message}, into.emplace_back());
  }
  void StepThere(const Input& input) {
    primary_.Step(input, made_there_);
    for (const auto& item : made_there_.items) {
      if (const auto* reply = std::get_if<Reply>(&item);
          reply != nullptr && reply->session.slot < kStandInsMax) {
        there_.OnReply(*reply, made_there_);
      }
    }
  }
  // A turn of each, and what is on the way arrives; records only with Ship.
  void Exchange() {
    here_.StartTurn(now_.mono_us);
    there_.StartTurn(now_.mono_us);
    while (!to_here_.empty() || !to_there_.empty()) {
      Deliver(to_there_, there_, kHere);
      StepThere(LogSynced{primary_.end().revision});
      Deliver(to_here_, here_, kThere);
    }
  }
  void Deliver(std::deque<std::string>& frames, Forwarding& to, NodeId from) {
    while (!frames.empty()) {
      const std::string bytes = std::move(frames.front());
      frames.pop_front();
      const auto decoded = DecodeFrame(bytes);
      ASSERT_TRUE(decoded && *decoded);
      const Message& message = (*decoded)->frame.message;
      Result<void> taken;
      if (const auto* forward = std::get_if<Forward>(&message)) {
        taken = to.Receive(from, *forward);
      } else if (const auto* reply = std::get_if<ForwardReply>(&message)) {
        taken = to.Receive(from, *reply);
      } else {
        taken = to.Receive(from, std::get<Owners>(message));
      }
      broken_ = broken_ || !taken;
    }
  }
  // The records too, so that what was answered is told.
  void ExchangeAll() {
    Exchange();
    Ship();
    here_.OnApplied();
  }
  Lines Ask(SessionId session, const Command& command) {
    Lines told = Run(session, command);
    ExchangeAll();
    Sync();
    for (std::string& line : Take(session)) {
      told.push_back(std::move(line));
    }
    return told;
  }
  Lines Ask(const Command& command) { return Ask(kReader, command); }
  std::string ValueThere(std::string_view key) {
    const Entry* entry = primary_.store().Find("db")->Find(key);
    return entry == nullptr ? "-" : std::string(entry->value());
  }
  void Pass(std::int64_t us) {
    now_.mono_us += us;
    now_.wall_us += us;
    primary_.Step(TurnStarted{.now = now_}, made_there_);
    Step(TurnStarted{.now = now_});
    ExchangeAll();
  }

  bool may_run_ = true;
  std::optional<Term> term_here_;
  bool broken_ = false;
  std::deque<std::string> to_here_;
  std::deque<std::string> to_there_;
  Output made_there_;
  Forwarding there_;
  Forwarding here_;
};

}  // namespace nunc
