#include "transport/tcp_door.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "base/limits.h"
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
  std::size_t looked_at = 0;
  while (!rest.empty() && connection_.MayRun()) {
    if (looked_at == 0) {
      looked_at = LookAhead(rest);
    }
    --looked_at;
    const LineEvent line = lines_.Next(rest);
    if (line.kind == LineEvent::Kind::kNeedMore) {
      break;
    }
    RunLine(line);
  }
  lines_.DropDelivered();
  return input.size() - rest.size();
}

std::size_t TcpDoor::LookAhead(std::string_view input) {
  std::array<std::string_view, kExpectedKeysMax> keys;
  std::size_t count = 0;
  std::size_t lines = 0;
  input = input.substr(0, kLookAheadBytesMax);
  while (lines < keys.size()) {
    const std::size_t end = input.find('\n');
    if (end == std::string_view::npos) {
      break;
    }
    ++lines;
    // Of most commands the second word is a key; where it is none, nothing is found.
    const std::string_view line = input.substr(0, end);
    if (const std::size_t space = line.find(' '); space != std::string_view::npos) {
      keys[count++] = line.substr(space + 1, line.find(' ', space + 1) - space - 1);
    }
    input.remove_prefix(end + 1);
  }
  if (count > 1) {
    connection_.Expect({keys.data(), count});
  }
  return std::max<std::size_t>(lines, 1);
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
