// One request of the HTTP interface under /v1/db: a login, then a command, a batch or a watch.
//
// Shape:   Run() goes on as far as it can: each step's replies may come in a later turn, when the
//          disk has what they rest on. What is atomic is one command of the core: conditions and
//          merge patches go with it. A watch turns the answer into a stream of events.
// Errors:  JSON with the code and the message that nunc.1 has for it, and a status.
// Limits:  kMergeBytesMax; those of commands, batches and watches.
// Owner:   HttpDoor, while the request, whose views it keeps, is there.
// Source:  docs/http.md; RFC 9110 §13; RFC 7396; HTML, server-sent events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/command.h"
#include "core/output.h"
#include "language/merge_edit.h"
#include "language/rest_request.h"
#include "net/http.h"
#include "transport/nunc1_requests.h"

namespace nunc {

class Connection;

class RestDoor {
 public:
  struct Answer {
    std::uint16_t status = 200;
    std::string_view content_type{};
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};
  };

  RestDoor(Connection& connection, const HttpRequest& request);
  ~RestDoor();
  RestDoor(const RestDoor&) = delete;
  RestDoor& operator=(const RestDoor&) = delete;

  // True: there is an answer, or the stream runs.
  bool Run();
  void OnReply(const Reply& reply, const Output& output);
  [[nodiscard]] Answer TakeAnswer() { return std::move(answer_); }
  [[nodiscard]] bool streams() const { return step_ == Step::kStream; }
  // Of a stream: says that it is still there.
  void OnTick(std::int64_t now_us);
  void EndStream();
  [[nodiscard]] std::size_t BufferedBytes() const;

 private:
  enum class Step : std::uint8_t { kLogin, kCommand, kBatch, kWatch, kStream, kDone };

  bool ReadConditions();
  bool Authorize();
  void Login();
  void RunCommand();
  void RunOnKey();
  void AddConditions(Command& command) const;
  bool AddValue(Command& command);
  bool AddPatch(Command& command);
  void StartBatch();
  void Watch();

  void OnData(const Reply& reply, const Output& output);
  void OnStatus(const Reply& reply, const Output& output);
  void ShowValue(const Reply& reply);
  void BeginStream();
  void AddTag(const Reply& reply);
  void Refuse(std::uint16_t status, const Nunc1Refusal& refusal);
  void RefuseStranger();
  void RefuseError(const Reply& reply, const Output& output);
  void RefuseJson(JsonFault fault);
  void RefuseCondition(const Reply& reply, std::string_view field);

  Connection& connection_;
  const HttpRequest& request_;
  RestTarget target_;
  RestLogin login_;
  EntityTags if_match_;
  EntityTags if_none_match_;
  std::string since_;  // of a watch
  Step step_ = Step::kLogin;
  std::unique_ptr<MergeEdit> edit_;
  Nunc1Requests requests_;
  Answer answer_;
};

}  // namespace nunc
