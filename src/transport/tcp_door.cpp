#include "transport/tcp_door.h"

#include <string>

#include "base/utf8.h"
#include "language/nql_reply.h"
#include "transport/connection.h"
#include "transport/hub.h"

namespace nunc {

TcpDoor::TcpDoor(Connection& connection)
    : connection_(connection), lines_(connection.hub().limits().command_bytes_max()) {}

void TcpDoor::OnOpen() {
  connection_.OpenSession(SessionKind::kConnection);
  connection_.Out() += "ok \n";
  connection_.Sending();
}

std::size_t TcpDoor::OnBytes(std::span<char> input) {
  std::string_view rest(input.data(), input.size());
  while (!rest.empty() && connection_.MayRun()) {
    const LineEvent line = lines_.Next(rest);
    if (line.kind == LineEvent::Kind::kNeedMore) {
      break;
    }
    RunLine(line);
  }
  lines_.DropDelivered();
  return input.size() - rest.size();
}

void TcpDoor::RunLine(const LineEvent& line) {
  NqlParser& parser = connection_.hub().parser();
  if (line.kind == LineEvent::Kind::kTooLong) {
    const std::size_t line_max = connection_.hub().limits().command_bytes_max();
    return connection_.Execute(
        parser.Reject("the line is too long: allowed are " + std::to_string(line_max) + " bytes"));
  }
  if (!IsValidUtf8(line.text)) {
    return connection_.Execute(parser.Reject("the line is not valid UTF-8"));
  }
  connection_.Execute(parser.Parse(line.text));
}

void TcpDoor::OnReply(const Reply& reply, const Output& output) {
  std::string& out = connection_.Out();
  if (!reply.is_status()) {
    return AppendData(out, reply, output);
  }
  if (reply.kind == ReplyKind::kError) {
    out += ErrorEcho(reply);
  }
  AppendStatus(out, reply, output);
}

}  // namespace nunc
