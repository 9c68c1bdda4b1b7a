// Runs the conformance vectors of the text transports against the node in this process: no socket,
// no clock, no waiting. tests/e2e runs the same file against the real server.
//
// Source:  docs/reference-server.md §0.1 for the format of nql-vectors.jsonl.
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "language/nql_parse.h"
#include "language/nql_reply.h"
#include "language/nql_split.h"
#include "node/node.h"

namespace nunc {
namespace {

using Json = nlohmann::json;

// What a connection has received and not looked at.
struct Client {
  SessionId session;
  std::vector<std::string> received;
};

// The vectors' captured names, such as <<opp>>.
using Captures = std::map<std::string, std::string>;

// One node and the connections of one vector, by transport `ws` (messages) or `tcp` (lines).
class Wire {
 public:
  explicit Wire(bool lines)
      : lines_(lines),
        node_({.user = "admin",
               .password = "admin-pwd",
               .address = "127.0.0.1:3014",
               .start_time_ms = 1,
               .hash_seed = 1,
               .value_bytes_max = kValueBytesMaxDefault}) {}

  Client& ClientOf(const std::string& name) {
    const auto found = clients_.find(name);
    if (found != clients_.end()) {
      return found->second;
    }
    Client& client = clients_[name];
    client.session = {.slot = next_slot_++, .generation = 1};
    by_slot_[client.session.slot] = &client;
    node_.Step(SessionOpened{.session = client.session}, output_);
    if (lines_) {
      client.received.emplace_back("ok \n");
    }
    return client;
  }

  void Send(Client& client, std::string_view bytes) {
    wall_us_ += 1000;
    node_.Step(TurnStarted{.now = {.mono_us = wall_us_, .wall_us = wall_us_}}, output_);
    if (lines_) {
      partial_[client.session.slot] += bytes;
      std::string& partial = partial_[client.session.slot];
      for (std::size_t end = partial.find('\n'); end != std::string::npos;
           end = partial.find('\n')) {
        const std::string line = partial.substr(0, end);
        partial.erase(0, end + 1);
        Run(client, line);
      }
    } else {
      NqlSplitter splitter(bytes);
      for (std::string_view part; splitter.Next(part);) {
        Run(client, part);
      }
    }
    node_.Step(TurnEnded{}, output_);
    Deliver();
  }

  void Close(const std::string& name) {
    node_.Step(SessionClosed{clients_.at(name).session}, output_);
    node_.Step(TurnEnded{}, output_);
    Deliver();
    by_slot_.erase(clients_.at(name).session.slot);
    clients_.erase(name);
  }

 private:
  void Run(Client& client, std::string_view text) {
    const Command command = parser_.Parse(text);
    node_.Step(ClientCommand{.session = client.session, .command = &command}, output_);
    Deliver();
  }

  void Deliver() {
    for (const auto& item : output_.items) {
      if (const auto* reply = std::get_if<Reply>(&item); reply != nullptr) {
        DeliverReply(*reply);
      } else {
        DeliverChange(std::get<Change>(item));
      }
    }
    output_.Clear();
  }

  void DeliverReply(const Reply& reply) {
    std::string text;
    if (reply.is_status()) {
      if (const std::string_view echo = ErrorEcho(reply);
          reply.kind == ReplyKind::kError && !echo.empty()) {
        by_slot_.at(reply.session.slot)->received.emplace_back(echo);
      }
      AppendStatus(text, reply, output_);
    } else {
      AppendData(text, reply, output_);
    }
    by_slot_.at(reply.session.slot)->received.push_back(text);
  }

  void DeliverChange(const Change& change) {
    std::vector<std::string> texts(1);
    if (change.kind == ChangeKind::kSet) {
      texts.emplace_back();
      AppendChanged(texts[0], change);
      AppendChangedVersion(texts[1], change);
    } else if (change.kind == ChangeKind::kRemoved) {
      AppendRemoved(texts[0], change);
    } else {
      AppendConflict(texts[0], change);
    }
    for (std::size_t i = change.first; i < change.first + change.count; ++i) {
      std::vector<std::string>& received = by_slot_.at(output_.targets[i].slot)->received;
      received.insert(received.end(), texts.begin(), texts.end());
    }
  }

  bool lines_;
  Node node_;
  NqlParser parser_;
  Output output_;
  std::map<std::string, Client> clients_;
  std::map<std::uint32_t, Client*> by_slot_;
  std::map<std::uint32_t, std::string> partial_;
  std::uint32_t next_slot_ = 0;
  std::int64_t wall_us_ = 1'795'000'000'000'000;
};

std::string TrimRight(std::string text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r')) {
    text.pop_back();
  }
  return text;
}

// <<TEXT*N>> becomes TEXT N times, <<name>> what it has captured.
std::string Expand(const std::string& pattern, const Captures& captures) {
  std::string text;
  std::size_t at = 0;
  while (at < pattern.size()) {
    const std::size_t open = pattern.find("<<", at);
    const std::size_t close = open == std::string::npos ? open : pattern.find(">>", open);
    if (close == std::string::npos) {
      return text + pattern.substr(at);
    }
    text += pattern.substr(at, open - at);
    const std::string inner = pattern.substr(open + 2, close - open - 2);
    const std::size_t star = inner.rfind('*');
    const bool repeated = star != std::string::npos && star + 1 < inner.size() &&
                          inner.find_first_not_of("0123456789", star + 1) == std::string::npos;
    if (repeated) {
      const int times = std::stoi(inner.substr(star + 1));
      for (int i = 0; i < times; ++i) {
        text += inner.substr(0, star);
      }
    } else if (const auto found = captures.find(inner); found != captures.end()) {
      text += found->second;
    } else {
      text += pattern.substr(open, close + 2 - open);
    }
    at = close + 2;
  }
  return text;
}

// Matches what is left of `text` against what is left of `pattern`; a name takes one or more
// characters other than space and `;`, `*` takes anything.
bool Matches(std::string_view pattern, std::string_view text, Captures& captures) {
  const std::size_t open = pattern.find("<<");
  if (open == std::string_view::npos) {
    return pattern == text;
  }
  if (text.substr(0, open) != pattern.substr(0, open)) {
    return false;
  }
  const std::size_t close = pattern.find(">>", open);
  const std::string name(pattern.substr(open + 2, close - open - 2));
  const std::string_view after = pattern.substr(close + 2);
  text.remove_prefix(open);
  if (const auto found = captures.find(name); found != captures.end()) {
    return text.starts_with(found->second) &&
           Matches(after, text.substr(found->second.size()), captures);
  }
  const std::size_t least = name == "*" ? 0 : 1;
  const std::size_t most =
      name == "*" ? text.size() : std::min(text.find_first_of(" ;"), text.size());
  for (std::size_t length = most + 1; length-- > least;) {
    Captures tried = captures;
    if (name != "*") {
      tried[name] = std::string(text.substr(0, length));
    }
    if (Matches(after, text.substr(length), tried)) {
      captures = tried;
      return true;
    }
  }
  return false;
}

// A message that ends in two line feeds is one item on ws and two lines on tcp.
std::vector<std::string> ItemsOf(const std::vector<std::string>& received, bool lines, bool exact) {
  std::vector<std::string> items;
  if (!lines) {
    items = received;
  } else {
    std::string all;
    for (const std::string& message : received) {
      all += message;
    }
    while (!all.empty()) {
      const std::size_t end = all.find('\n');
      items.push_back(all.substr(0, end));
      all.erase(0, end == std::string::npos ? end : end + 1);
    }
  }
  if (!exact) {
    for (std::string& item : items) {
      item = TrimRight(item);
    }
  }
  return items;
}

void RunVector(const Json& vector) {
  const bool lines = vector["transport"] == "tcp";
  Wire wire(lines);
  Captures captures;
  for (const Json& step : vector["steps"]) {
    const std::string name = step.value("conn", "c1");
    Client& client = wire.ClientOf(name);
    const std::string send = Expand(step["send"], captures);
    if (!send.empty()) {
      wire.Send(client, send);
    }
    const std::vector<std::string> items =
        ItemsOf(client.received, lines, step.value("exact", false));
    client.received.clear();
    const Json& expected = step["expect"];
    ASSERT_EQ(items.size(), expected.size())
        << "sent: " << send.substr(0, 200) << "\nreceived: " << Json(items).dump().substr(0, 500);
    for (std::size_t i = 0; i < items.size(); ++i) {
      ASSERT_TRUE(Matches(Expand(expected[i], captures), items[i], captures))
          << "sent: " << send.substr(0, 200) << "\nexpected: " << expected[i].dump().substr(0, 300)
          << "\nreceived: " << items[i].substr(0, 300);
    }
    if (step.value("close", false)) {
      wire.Close(name);
    }
  }
}

std::vector<Json> Vectors() {
  std::ifstream file(NUNC_SOURCE_DIR "/tests/conformance/nql-vectors.jsonl");
  std::vector<Json> vectors;
  for (std::string line; std::getline(file, line);) {
    vectors.push_back(Json::parse(line));
  }
  return vectors;
}

class Vector : public testing::TestWithParam<Json> {};

TEST_P(Vector, AnswersAsExistingClientsExpect) {
  RunVector(GetParam());
}

std::vector<Json> MustVectorsOfTextTransports() {
  std::vector<Json> chosen;
  for (const Json& vector : Vectors()) {
    if (vector["level"] == "must" && vector["transport"] != "http") {
      chosen.push_back(vector);
    }
  }
  return chosen;
}

std::string TestName(const testing::TestParamInfo<Json>& info) {
  std::string name = std::to_string(info.index) + "_" + info.param["transport"].get<std::string>();
  for (const char c : info.param["name"].get<std::string>()) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Must, Vector, testing::ValuesIn(MustVectorsOfTextTransports()), TestName);

TEST(VectorFile, HoldsAllThatIsPromised) {
  EXPECT_EQ(Vectors().size(), 182U);
  EXPECT_EQ(MustVectorsOfTextTransports().size(), 112U);
}

}  // namespace
}  // namespace nunc
