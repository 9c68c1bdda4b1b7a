#include "wire.h"

#include <array>
#include <cstdint>
#include <initializer_list>

#include "die.h"

namespace nunc::bench {

namespace {

std::string RespArray(std::initializer_list<std::string_view> words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
  return out;
}

std::string Line(std::initializer_list<std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

void AppendLength(std::string& out, std::size_t length, unsigned mask_bit) {
  if (length < 126) {
    out += static_cast<char>(mask_bit | length);
  } else if (length < 65536) {
    out += static_cast<char>(mask_bit | 126U);
    out += static_cast<char>(length >> 8U);
    out += static_cast<char>(length & 0xFFU);
  } else {
    Die("frames above 65,535 bytes are not measured");
  }
}

}  // namespace

std::string SequenceDigits(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kSequenceDigits - digits.size(), '0') + digits;
}

std::string ClientFrame(Opcode opcode, std::string_view payload) {
  // Derived from the payload (FNV-1a), so that runs repeat. Unpredictable masks (RFC 6455 §5.3)
  // protect proxies, of which there are none on loopback.
  std::uint32_t state = 2166136261U;
  for (const char byte : payload) {
    state = (state ^ static_cast<unsigned char>(byte)) * 16777619U;
  }
  const std::array<char, 4> mask = {
      static_cast<char>(state >> 24U), static_cast<char>((state >> 16U) & 0xFFU),
      static_cast<char>((state >> 8U) & 0xFFU), static_cast<char>(state & 0xFFU)};
  std::string out;
  out += static_cast<char>(0x80U | static_cast<unsigned>(opcode));
  AppendLength(out, payload.size(), 0x80U);
  out.append(mask.data(), mask.size());
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out += static_cast<char>(static_cast<unsigned char>(payload[i]) ^
                             static_cast<unsigned char>(mask[i % mask.size()]));
  }
  return out;
}

std::string UpgradeRequest(Wire wire, bool offer_deflate) {
  std::string out =
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  if (offer_deflate) out += "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  if (wire == Wire::kNunc1) out += "Sec-WebSocket-Protocol: nunc.1\r\n";
  return out + "\r\n";
}

std::string Dialect::Command(std::string_view line) const {
  if (IsWebSocket()) return ClientFrame(Opcode::kText, line);
  return std::string(line) + '\n';
}

std::string Dialect::Reply(std::string_view message) const {
  if (!IsWebSocket()) return std::string(message);
  std::string out(1, static_cast<char>(0x81));
  AppendLength(out, message.size(), 0);
  out += message;
  return out;
}

std::string Dialect::Use() const {
  const std::string database(kDatabase);
  const std::string token(kToken);
  if (wire_ == Wire::kNunc1) {
    return Command(R"({"id":0,"op":"use-db","db":")" + database + R"(","token":")" + token +
                   R"("})");
  }
  return IsNql() ? Command("use-db " + database + " " + token) : "";
}

std::string Dialect::UseReply() const {
  if (wire_ == Wire::kNunc1) return Reply(R"({"id":0,"ok":{}})");
  return IsNql() ? Reply("ok \n") : "";
}

std::string Dialect::Get(std::string_view key) const {
  return wire_ == Wire::kResp ? RespArray({"GET", key}) : Command(Line({"get", key}));
}

std::string Dialect::GetReply(std::string_view value) const {
  if (wire_ == Wire::kResp) {
    return "$" + std::to_string(value.size()) + "\r\n" + std::string(value) + "\r\n";
  }
  return Reply(Line({"value", value}) + "\n") + Reply("ok \n");
}

std::string Dialect::Set(std::string_view key, std::string_view value) const {
  return wire_ == Wire::kResp ? RespArray({"SET", key, value}) : Command(Line({"set", key, value}));
}

std::string Dialect::SetReply() const {
  return wire_ == Wire::kResp ? "+OK\r\n" : Reply("ok \n");
}

std::string Dialect::Watch(std::string_view key) const {
  if (wire_ == Wire::kResp) return RespArray({"SUBSCRIBE", key});
  if (wire_ == Wire::kNats) return "SUB " + std::string(key) + " 1\r\nPING\r\n";
  if (wire_ == Wire::kNunc1) {
    return Command(R"({"id":0,"op":"watch","policy":"all","key":")" + std::string(key) + R"("})");
  }
  return Command(Line({"watch", key}));
}

std::string Dialect::WatchReply(std::string_view key, std::uint32_t nth) const {
  if (wire_ == Wire::kNats) return "PONG\r\n";
  if (wire_ == Wire::kNunc1) return Reply(R"({"id":0,"ok":{}})");
  if (wire_ != Wire::kResp) return Reply("ok \n");
  return "*3\r\n$9\r\nsubscribe\r\n$" + std::to_string(key.size()) + "\r\n" + std::string(key) +
         "\r\n:" + std::to_string(nth) + "\r\n";
}

std::string Dialect::Change(std::string_view key, std::string_view value) const {
  if (wire_ == Wire::kResp) return RespArray({"PUBLISH", key, value});
  if (wire_ == Wire::kNunc1) {
    // Its number is the id: no two of those in flight have the same.
    const std::string_view id = value.substr(value.size() - kSequenceDigits);
    return Command(R"({"id":")" + std::string(id) + R"(","op":"set","key":")" + std::string(key) +
                   R"(","text":")" + std::string(value) + R"("})");
  }
  if (wire_ != Wire::kNats) return Set(key, value);
  return "PUB " + std::string(key) + ' ' + std::to_string(value.size()) + "\r\n" +
         std::string(value) + "\r\n";
}

}  // namespace nunc::bench
