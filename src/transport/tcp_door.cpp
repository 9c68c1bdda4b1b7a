#include "transport/tcp_door.h"

#include <cstring>

#include "language/nql_reply.h"
#include "base/utf8.h"
#include "transport/connection.h"
#include "transport/hub.h"

namespace nunc {

void TcpDoor::OnOpen() {
  connection_.OpenSession(SessionKind::kConnection);
  connection_.Out() += "ok \n";
  connection_.Sending();
}

std::size_t TcpDoor::OnBytes(std::span<char> input) {
  const std::string_view bytes(input.data(), input.size());
  std::size_t at = 0;
  while (at < bytes.size() && connection_.MayRun()) {
    const void* found = std::memchr(bytes.data() + at, '\n', bytes.size() - at);
    if (found == nullptr) {
      KeepPartial(bytes.substr(at));
      return bytes.size();
    }
    const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    const std::string_view piece = bytes.substr(at, end - at);
    at = end + 1;
    if (partial_.empty() && !discarding_) {
      RunLine(piece);
      continue;
    }
    KeepPartial(piece);
    std::string line;
    line.swap(partial_);
    RunLine(line);
  }
  return at;
}

void TcpDoor::KeepPartial(std::string_view piece) {
  if (discarding_ ||
      partial_.size() + piece.size() > connection_.hub().limits().command_bytes_max()) {
    discarding_ = true;
    std::string().swap(partial_);  // assigning an empty one would keep the memory
    return;
  }
  partial_ += piece;
}

void TcpDoor::RunLine(std::string_view line) {
  NqlParser& parser = connection_.hub().parser();
  const std::size_t line_max = connection_.hub().limits().command_bytes_max();
  if (discarding_ || line.size() > line_max) {
    discarding_ = false;
    return connection_.Execute(
        parser.Reject("the line is too long: allowed are " + std::to_string(line_max) + " bytes"));
  }
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  while (line.ends_with(';')) {
    line.remove_suffix(1);
  }
  if (!IsValidUtf8(line)) {
    return connection_.Execute(parser.Reject("the line is not valid UTF-8"));
  }
  connection_.Execute(parser.Parse(line));
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
