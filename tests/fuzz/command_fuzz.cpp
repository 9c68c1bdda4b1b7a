// Commands from two hostile sessions and an admin against a real node: every command gets exactly
// one status, nothing is told to a session that is closed, and the store stays whole.
//
// Input: lines; the first byte of a line says who sends it, or closes or drains a session.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/limits.h"
#include "language/nql_parse.h"
#include "language/nql_reply.h"
#include "node/node.h"

namespace {

constexpr std::uint32_t kSessions = 3;
// What a line takes: some keys with a time to live go before the input ends.
constexpr std::int64_t kLineUs = 700;

class Run {
 public:
  Run()
      : node_({.user = "a",
               .password = "b",
               .address = "x:1",
               .start_time_ms = 1,
               .hash_seed = 7,
               .value_bytes_max = 256}) {
    for (std::uint32_t slot = 0; slot < kSessions; ++slot) {
      Open(slot);
    }
    Send(0, "auth a b");
    Send(0, "create-db d t arbiter");
    for (std::uint32_t slot = 0; slot < kSessions; ++slot) {
      Send(slot, "use-db d t");
    }
  }

  void Line(std::string_view line) {
    const auto who = static_cast<unsigned char>(line.front());
    const std::uint32_t slot = who % kSessions;
    line.remove_prefix(1);
    time_us_ += kLineUs;
    node_.Step(nunc::TurnStarted{.now = {.mono_us = time_us_, .wall_us = time_us_}}, output_);
    Look();
    switch (who / kSessions % 16) {
      case 13:
        node_.Step(nunc::SessionLagging{session_[slot]}, output_);
        break;
      case 14:
        node_.Step(nunc::SessionDrained{session_[slot]}, output_);
        Look();
        break;
      case 15:
        node_.Step(nunc::SessionClosed{session_[slot]}, output_);
        Open(slot);
        break;
      default:
        Send(slot, line);
    }
    node_.Step(nunc::TurnEnded{}, output_);
    Look();
  }

 private:
  void Open(std::uint32_t slot) {
    session_[slot] = {.slot = slot, .generation = ++generation_};
    node_.Step(
        nunc::SessionOpened{.session = session_[slot], .name = {.high = generation_, .low = 1}},
        output_);
  }

  void Send(std::uint32_t slot, std::string_view text) {
    const nunc::Command command = parser_.Parse(text);
    node_.Step(nunc::ClientCommand{.session = session_[slot], .command = &command}, output_);
    CHECK(Look() == 1);
  }

  // Renders all of the output, as a door would; returns the number of statuses.
  std::size_t Look() {
    std::size_t statuses = 0;
    for (const auto& item : output_.items) {
      text_.clear();
      if (const auto* reply = std::get_if<nunc::Reply>(&item); reply != nullptr) {
        CHECK(reply->session == session_[reply->session.slot]);
        statuses += reply->is_status() ? 1U : 0U;
        AppendData(text_, *reply, output_);
      } else {
        const auto& change = std::get<nunc::Change>(item);
        CHECK(change.count > 0 && change.first + change.count <= output_.targets.size());
        for (std::size_t i = change.first; i < change.first + change.count; ++i) {
          CHECK(output_.targets[i] == session_[output_.targets[i].slot]);
        }
        AppendChanged(text_, change);
        AppendChangedVersion(text_, change);
      }
      CHECK(text_.ends_with('\n'));
    }
    output_.Clear();
    return statuses;
  }

  nunc::Node node_;
  nunc::NqlParser parser_;
  nunc::Output output_;
  nunc::SessionId session_[kSessions];
  std::uint32_t generation_ = 0;
  std::int64_t time_us_ = 1;
  std::string text_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  Run run;
  while (!input.empty()) {
    const std::size_t end = input.find('\n');
    const std::string_view line = input.substr(0, end);
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
    if (!line.empty()) {
      run.Line(line);
    }
  }
  return 0;
}
