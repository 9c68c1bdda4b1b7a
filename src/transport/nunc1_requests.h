// Requests of nunc.1 that are on their way through the core, and a batch that is being run.
//
// Shape:   requests in, answers out in their order. A batch is run request by request and answered
//          as one. What is refused before it is a command goes the way of the commands too, so that
//          its answer keeps its place.
// Limits:  kBatchRequestsMax; a batch whose answer has kBatchAnswerBytesMax runs no further
// request.
//          Requests in flight: those of Connection.
// Owner:   a door. Shared by nunc.1 and the HTTP interface, whose batches are the same.
// Source:  docs/protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "core/command.h"
#include "core/output.h"
#include "language/nunc1_request.h"

namespace nunc {

class Connection;

class Nunc1Requests {
 public:
  explicit Nunc1Requests(Connection& connection) : connection_(connection) {}

  // One request by itself, or a batch; `id` is JSON. A batch goes on with RunBatch.
  void Run(std::string id, const Nunc1Request& request);
  void RunRefused(std::string id, const Nunc1Refusal& refusal);
  [[nodiscard]] bool IsInUse(std::string_view id) const;

  // Runs what may run now of a batch; true when nothing of one is left to be run.
  bool RunBatch();
  [[nodiscard]] bool HasBatch() const { return !batch_.empty(); }

  struct Answer {
    std::string id;
    std::string_view fields;  // `"ok":{...}` or `"error":{...}`, until the next call
  };
  // Empty while more must come. After an answer call Trim.
  std::optional<Answer> OnReply(const Reply& reply, const Output& output);
  void Trim();
  [[nodiscard]] std::size_t BufferedBytes() const;

 private:
  enum class Place : std::uint8_t { kAlone, kInBatch, kLastInBatch };
  // A request whose answer has not been given.
  struct Asked {
    Place place = Place::kAlone;
    Verb verb = Verb::kRejected;
    std::string id{};       // as JSON; of a batch only its last has it
    std::string outcome{};  // of what is refused; empty: the core's reply says it
  };

  void RunOne(Asked asked, const Nunc1Request& request);
  void RefuseOne(Asked asked, const Nunc1Refusal& refusal);
  void RunAs(Asked asked, const Command& command);

  Connection& connection_;
  std::deque<Asked> asked_;
  std::size_t asked_bytes_ = 0;
  std::string outcome_;  // of the first that was asked, as far as it has come
  std::string batch_;    // the requests of one that is being run
  std::size_t batch_at_ = 0;
  std::string batch_id_;
  std::string replies_;  // of the batch whose answers are coming
  std::string answer_;   // of one that has ended
};

}  // namespace nunc
