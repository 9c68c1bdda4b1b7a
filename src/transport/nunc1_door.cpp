#include "transport/nunc1_door.h"

#include <optional>
#include <string>

#include "base/limits.h"
#include "core/session.h"
#include "language/json.h"
#include "language/nunc1_request.h"
#include "transport/connection.h"
#include "transport/hub.h"

namespace nunc {
namespace {

void AppendLimit(std::string& out, std::string_view name, std::size_t limit) {
  out.append("\"").append(name).append("\":");
  AppendJsonNumber(out, static_cast<std::int64_t>(limit));
}

}  // namespace

Nunc1Door::Nunc1Door(Connection& connection, bool deflate)
    : WsProtocol(connection, deflate ? WireForm::kJsonDeflate : WireForm::kJson,
                 connection.hub().limits().json_bytes_max()),
      requests_(connection) {}

void Nunc1Door::OnOpen() {
  WsProtocol::OnOpen();
  const HubLimits& limits = hub().limits();
  std::string hello = "{\"hello\":{\"protocol\":\"nunc.1\",\"server\":\"nunc " NUNC_VERSION
                      "\",\"session\":\"" +
                      FormatSessionName(connection().session_name()) + "\",\"limits\":{";
  AppendLimit(hello, "message_bytes", limits.json_bytes_max());
  AppendLimit(hello += ',', "key_bytes", kKeyBytesMax);
  AppendLimit(hello += ',', "value_bytes", limits.value_bytes_max);
  AppendLimit(hello += ',', "batch", kBatchRequestsMax);
  AppendLimit(hello += ',', "watches", kWatchesPerSessionMax);
  AppendLimit(hello += "},", "heartbeat_ms", limits.ping_interval_ms);
  SendText(hello += "}}");
  connection().Sending();
}

void Nunc1Door::OnText(std::string_view message) {
  const Nunc1Request& request = hub().json_parser().Parse(message);
  if (request.id != "null" && requests_.IsInUse(request.id)) {
    requests_.RunRefused(std::string(request.id),
                         {.code = "id-in-use",
                          .message = "a request with this id has not been answered yet",
                          .field = "id"});
  } else {
    requests_.Run(std::string(request.id), request);
  }
  if (requests_.HasBatch()) {
    DropMessage();  // not held twice
    RunPending();
  }
  hub().json_parser().Trim();
}

void Nunc1Door::OnBinary(std::string_view) {
  requests_.RunRefused("null", {.code = "bad-request", .message = "a message is text, not binary"});
}

bool Nunc1Door::RunPending() {
  return requests_.RunBatch();
}

void Nunc1Door::OnReply(const Reply& reply, const Output& output) {
  const std::optional<Nunc1Requests::Answer> answer = requests_.OnReply(reply, output);
  if (answer) {
    std::string& text = hub().reply_text();
    text.assign("{\"id\":").append(answer->id).append(",").append(answer->fields) += '}';
    SendText(text);
    requests_.Trim();
  }
}

std::size_t Nunc1Door::BufferedBytes() const {
  return DecoderBytes() + requests_.BufferedBytes();
}

}  // namespace nunc
