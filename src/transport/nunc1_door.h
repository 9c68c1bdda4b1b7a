// The nunc.1 protocol over WebSocket: each text message is a JSON object.
//
// Shape:   greets with its limits; then requests with ids in, and answers in their order and pushes
//          out. A batch is run request by request and answered as one. What is refused before it
//          is a command goes the way of the commands too, so that its answer keeps its place.
// Limits:  message: HubLimits::json_bytes_max; kBatchRequestsMax; a batch whose answer has
//          kBatchAnswerBytesMax runs no further request. Requests in flight: those of Connection.
// Owner:   Connection.
// Source:  docs/protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "core/command.h"
#include "language/nunc1_request.h"
#include "transport/ws_protocol.h"

namespace nunc {

class Nunc1Door final : public WsProtocol {
 public:
  Nunc1Door(Connection& connection, bool deflate);

  void OnOpen() override;
  bool RunPending() override;
  void OnReply(const Reply& reply, const Output& output) override;
  [[nodiscard]] std::size_t BufferedBytes() const override;

 private:
  enum class Place : std::uint8_t { kAlone, kInBatch, kLastInBatch };
  // A request whose answer has not been given.
  struct Asked {
    Place place = Place::kAlone;
    Verb verb = Verb::kRejected;
    std::string id{};       // as JSON; of a batch only its last has it
    std::string outcome{};  // of what is refused; empty: the core's reply says it
  };

  void OnText(std::string_view message) override;
  void OnBinary(std::string_view message) override;
  [[nodiscard]] bool HasPending() const override { return !batch_.empty(); }

  void Run(Asked asked, const Nunc1Request& request);
  void RunRefused(Asked asked, const Nunc1Refusal& refusal);
  void RunAs(Asked asked, const Command& command);
  void StartBatch(const Nunc1Request& request);
  [[nodiscard]] bool IsInUse(std::string_view id) const;
  void Answer(const Asked& asked);

  std::deque<Asked> asked_;
  std::size_t asked_bytes_ = 0;
  std::string outcome_;  // of the first that was asked, as far as it has come
  std::string batch_;    // the requests of one that is being run
  std::size_t batch_at_ = 0;
  std::string batch_id_;
  std::string replies_;  // of the batch whose answers are coming
};

}  // namespace nunc
