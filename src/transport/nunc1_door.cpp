#include "transport/nunc1_door.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "language/json.h"
#include "language/nunc1_reply.h"
#include "transport/connection.h"
#include "transport/hub.h"

namespace nunc {
namespace {

constexpr std::size_t kKeptBytesMax = std::size_t{4} << 10;

// 32 digits that nobody has had before.
std::string NewSessionName(Random& random) {
  std::string name;
  for (int half = 0; half < 2; ++half) {
    std::array<char, 16> digits{};
    const auto written =
        std::to_chars(digits.data(), digits.data() + digits.size(), random.Next(), 16);
    const auto size = static_cast<std::size_t>(written.ptr - digits.data());
    name.append(digits.size() - size, '0').append(digits.data(), size);
  }
  return name;
}

void AppendLimit(std::string& out, std::string_view name, std::size_t limit) {
  out.append("\"").append(name).append("\":");
  AppendJsonNumber(out, static_cast<std::int64_t>(limit));
}

void ClearAndTrim(std::string& text) {
  if (text.capacity() > kKeptBytesMax) {
    std::string().swap(text);  // assigning an empty one would keep the memory
  } else {
    text.clear();
  }
}

}  // namespace

Nunc1Door::Nunc1Door(Connection& connection, bool deflate)
    : WsProtocol(connection, deflate ? WireForm::kJsonDeflate : WireForm::kJson,
                 connection.hub().limits().json_bytes_max()) {}

void Nunc1Door::OnOpen() {
  WsProtocol::OnOpen();
  const HubLimits& limits = hub().limits();
  std::string hello = "{\"hello\":{\"protocol\":\"nunc.1\",\"server\":\"nunc " NUNC_VERSION
                      "\",\"session\":\"" +
                      NewSessionName(hub().random()) + "\",\"limits\":{";
  AppendLimit(hello, "message_bytes", limits.json_bytes_max());
  AppendLimit(hello += ',', "key_bytes", kKeyBytesMax);
  AppendLimit(hello += ',', "value_bytes", limits.value_bytes_max);
  AppendLimit(hello += ',', "batch", kBatchRequestsMax);
  AppendLimit(hello += ',', "watches", kWatchesPerSessionMax);
  AppendLimit(hello += "},", "heartbeat_ms", limits.ping_interval_ms);
  SendText(hello += "}}");
  connection().Sending();
}

// ---- requests

void Nunc1Door::OnText(std::string_view message) {
  const Nunc1Request& request = hub().json_parser().Parse(message);
  if (request.id != "null" && IsInUse(request.id)) {
    RunRefused({.id = std::string(request.id)},
               {.code = "id-in-use",
                .message = "a request with this id has not been answered yet",
                .field = "id"});
  } else if (request.kind == Nunc1Request::Kind::kBatch) {
    StartBatch(request);
  } else {
    Run({.id = std::string(request.id)}, request);
  }
  hub().json_parser().Trim();
}

void Nunc1Door::OnBinary(std::string_view) {
  RunRefused({.id = "null"}, {.code = "bad-request", .message = "a message is text, not binary"});
}

bool Nunc1Door::IsInUse(std::string_view id) const {
  return std::any_of(asked_.begin(), asked_.end(),
                     [id](const Asked& asked) { return asked.id == id; });
}

void Nunc1Door::Run(Asked asked, const Nunc1Request& request) {
  if (request.kind == Nunc1Request::Kind::kRefused) {
    return RunRefused(std::move(asked), request.refusal);
  }
  asked.verb = request.command.verb;
  RunAs(std::move(asked), request.command);
}

void Nunc1Door::RunRefused(Asked asked, const Nunc1Refusal& refusal) {
  Nunc1Parser::AppendRefusal(asked.outcome, refusal);
  RunAs(std::move(asked), {});
}

void Nunc1Door::RunAs(Asked asked, const Command& command) {
  asked_bytes_ += asked.id.size() + asked.outcome.size();
  asked_.push_back(std::move(asked));
  connection().Execute(command);
}

void Nunc1Door::StartBatch(const Nunc1Request& request) {
  if (JsonElements(request.requests).AtEnd()) {
    return RunAs({.id = std::string(request.id), .outcome = "\"ok\":{\"replies\":[]}"}, {});
  }
  batch_ = request.requests;
  batch_at_ = 0;
  batch_id_ = request.id;
  DropMessage();  // not held twice
  RunPending();
}

bool Nunc1Door::RunPending() {
  if (batch_.empty()) {
    return true;
  }
  JsonElements requests(std::string_view(batch_).substr(batch_at_));
  std::string_view request;
  while (connection().MayRun() && requests.Next(request)) {
    batch_at_ = batch_.size() - requests.Remaining().size() - 1;
    Asked asked{.place = Place::kInBatch};
    if (requests.AtEnd()) {
      asked = {.place = Place::kLastInBatch, .id = std::move(batch_id_)};
    }
    if (replies_.size() >= kBatchAnswerBytesMax) {
      RunRefused(std::move(asked), {.code = "not-run",
                                    .message = "the answer to the batch has reached its limit of " +
                                               std::to_string(kBatchAnswerBytesMax) + " bytes"});
    } else {
      Run(std::move(asked), hub().json_parser().ParsePart(request));
    }
  }
  if (!requests.AtEnd()) {
    return false;
  }
  std::string().swap(batch_);  // assigning an empty one would keep the memory
  hub().json_parser().Trim();
  return true;
}

// ---- answers

void Nunc1Door::OnReply(const Reply& reply, const Output& output) {
  CHECK(!asked_.empty());
  if (!reply.is_status()) {
    outcome_.clear();
    return hub().json_writer().AppendData(outcome_, reply, output);
  }
  const Asked asked = std::move(asked_.front());
  asked_.pop_front();
  asked_bytes_ -= asked.id.size() + asked.outcome.size();
  if (!asked.outcome.empty()) {
    outcome_ = asked.outcome;
  } else if (reply.kind == ReplyKind::kError || outcome_.empty()) {
    outcome_.clear();
    Nunc1Writer::AppendStatus(outcome_, reply, output, asked.verb);
  }
  Answer(asked);
  ClearAndTrim(outcome_);
}

void Nunc1Door::Answer(const Asked& asked) {
  std::string& text = hub().reply_text();
  text.clear();
  if (asked.place == Place::kAlone) {
    text.append("{\"id\":").append(asked.id).append(",").append(outcome_) += '}';
    return SendText(text);
  }
  replies_.append(replies_.empty() ? "{" : ",{").append(outcome_) += '}';
  if (asked.place == Place::kLastInBatch) {
    text.append("{\"id\":").append(asked.id).append(",\"ok\":{\"replies\":[").append(replies_);
    SendText(text += "]}}");
    ClearAndTrim(replies_);
  }
}

std::size_t Nunc1Door::BufferedBytes() const {
  return DecoderBytes() + asked_bytes_ + asked_.size() * sizeof(Asked) + outcome_.capacity() +
         batch_.capacity() + replies_.capacity();
}

}  // namespace nunc
