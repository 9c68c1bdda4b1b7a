// Requests of nunc.1 from two hostile sessions and an admin against a real node: no text crashes
// the reader, each request gets exactly one status, and all that is said is JSON.
//
// Input: lines; the first byte of a line says who sends it, the rest is a message.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "language/json.h"
#include "language/nql_reply.h"
#include "language/nunc1_reply.h"
#include "language/nunc1_request.h"
#include "node/node.h"

namespace {

constexpr std::uint32_t kSessions = 3;

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
      session_[slot] = {.slot = slot, .generation = 1};
      node_.Step(nunc::SessionOpened{.session = session_[slot]}, output_);
    }
    Message(0, R"({"id":1,"op":"auth","user":"a","password":"b"})");
    Message(0, R"({"id":1,"op":"create-db","name":"d","token":"t","strategy":"arbiter"})");
    for (std::uint32_t slot = 0; slot < kSessions; ++slot) {
      Message(slot, R"({"id":1,"op":"use-db","db":"d","token":"t"})");
    }
  }

  void Message(std::uint32_t slot, std::string_view text) {
    node_.Step(nunc::TurnStarted{.now = {.mono_us = ++time_us_, .wall_us = time_us_}}, output_);
    const nunc::Nunc1Request& request = parser_.Parse(text);
    CHECK(reader_.IsJson(request.id));
    if (request.kind == nunc::Nunc1Request::Kind::kBatch) {
      const std::string requests(request.requests);
      nunc::JsonElements elements(requests);
      for (std::string_view element; elements.Next(element);) {
        CHECK(reader_.IsJson(element));
        One(slot, parser_.ParsePart(element));
      }
    } else {
      One(slot, request);
    }
    parser_.Trim();
  }

 private:
  void One(std::uint32_t slot, const nunc::Nunc1Request& request) {
    if (request.kind == nunc::Nunc1Request::Kind::kRefused) {
      text_ = "{";
      nunc::Nunc1Parser::AppendRefusal(text_, request.refusal);
      return CheckJson(text_ += '}');
    }
    const nunc::Verb verb = request.command.verb;
    CHECK(request.kind == nunc::Nunc1Request::Kind::kCommand && verb != nunc::Verb::kRejected);
    node_.Step(nunc::ClientCommand{.session = session_[slot], .command = &request.command},
               output_);
    CHECK(Look(verb) == 1);
  }

  void CheckJson(std::string_view text) {
    CHECK(nunc::IsValidUtf8(text));
    CHECK(reader_.IsJson(text));
  }

  // Renders all of the output, as the doors would; returns the number of statuses.
  std::size_t Look(nunc::Verb verb) {
    std::size_t statuses = 0;
    for (const auto& item : output_.items) {
      text_ = "{";
      nql_.clear();
      if (const auto* reply = std::get_if<nunc::Reply>(&item); reply != nullptr) {
        statuses += reply->is_status() ? 1U : 0U;
        if (reply->is_status()) {
          nunc::Nunc1Writer::AppendStatus(text_, *reply, output_, verb);
        } else {
          writer_.AppendData(text_, *reply, output_);
        }
        CheckJson(text_ += '}');
        AppendData(nql_, *reply, output_);
      } else {
        text_.clear();
        writer_.AppendPush(text_, std::get<nunc::Change>(item), "d");
        CheckJson(text_);
        AppendChanged(nql_, std::get<nunc::Change>(item));
        CHECK(nql_.find('\n') == nql_.size() - 1);
      }
      CHECK(nunc::IsValidUtf8(nql_));
    }
    output_.Clear();
    return statuses;
  }

  nunc::Node node_;
  nunc::Nunc1Parser parser_;
  nunc::Nunc1Writer writer_;
  nunc::JsonReader reader_;
  nunc::Output output_;
  nunc::SessionId session_[kSessions];
  std::int64_t time_us_ = 1;
  std::string text_;
  std::string nql_;
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
      run.Message(static_cast<unsigned char>(line.front()) % kSessions, line.substr(1));
    }
  }
  return 0;
}
