// HTTP/1.1: NQL in the body of a POST, pages and health by GET, backups, what is under /v1 by
// RestDoor, upgrades to WebSocket.
//
// Shape:   one request at a time. A POST is a session of its own; each command's answer is one
//          segment of the body: its first data message, `empty`, or the bare error text.
// Limits:  head, headers, body: limits.h; kCommandsPerMessageMax; an answer of
//          kHttpAnswerBytesMax runs no further command of its request, and says so.
// Owner:   Connection.
// Source:  RFC 9110, RFC 9112; docs/language.md; docs/reference-server.md §1.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "language/nql_split.h"
#include "net/http.h"
#include "node/body_source.h"
#include "transport/protocol.h"
#include "transport/rest_door.h"

namespace nunc {

class Connection;

class HttpDoor final : public Protocol {
 public:
  enum class Serves : std::uint8_t { kEverything, kUpgradesOnly };

  HttpDoor(Connection& connection, Serves serves);

  [[nodiscard]] WireForm form() const override { return WireForm::kNone; }
  std::size_t OnBytes(std::span<char> input) override;
  bool RunPending() override;
  void OnReply(const Reply& reply, const Output& output) override;
  void OnTick(std::int64_t now_us) override;
  [[nodiscard]] bool Waits() const override { return body_ != nullptr && body_waits_; }
  void OnStop() override;
  // The stream has no other watch.
  void OnDropped() override { EndStream(); }
  [[nodiscard]] std::size_t BufferedBytes() const override;

 private:
  static constexpr std::string_view kPlainText = "text/plain; charset=UTF-8";

  void OnRequest();
  void Upgrade();
  void StartCommands();
  void Get();
  void Preflight();
  void StartRest();
  bool RunRest();
  [[nodiscard]] bool Streams() const { return rest_ != nullptr && rest_->streams(); }
  // The connection goes with the next tick.
  void EndStream();
  // Backup and restore (http_backup.cpp).
  [[nodiscard]] bool IsAdmin() const;
  void RefuseStranger();
  void StartBackup();
  void StartImport();
  bool PumpBody();
  void GiveUpBody(std::string_view why);
  void Answer(HttpResponse response);
  [[nodiscard]] bool AnswerIsFull() const;
  // The answer's part for one command.
  void BeginPart();
  void EndPart();
  void AnswerText(std::uint16_t status, std::string_view text);

  Connection& connection_;
  Serves serves_;
  HttpParser parser_;
  std::optional<NqlSplitter> commands_;  // of the request that is being run
  std::unique_ptr<RestDoor> rest_;       // likewise
  bool stream_ended_ = false;            // its stream
  std::string answer_;
  std::unique_ptr<BodySource> body_;  // of the answer that is being sent
  std::string piece_;                 // of it
  bool body_waits_ = false;
  bool importing_ = false;      // the request is a part of a restore
  std::uint16_t status_ = 200;  // of its answer
  std::size_t parts_answered_ = 0;
  bool part_begun_ = false;
  bool close_after_answer_ = false;
  bool had_request_ = false;
  bool head_only_ = false;
  int version_minor_ = 1;
  bool upgraded_ = false;              // what follows is the WebSocket door's
  std::int64_t request_since_us_ = 0;  // 0: none has begun
};

}  // namespace nunc
