// Reads one request of the nunc.1 protocol.
//
// Shape:   JSON text in, an id and a Command out; which fields an op takes follows from its row in
//          the command table.
// Errors:  a refusal with its code, a text, and the field that is to blame where there is one. An
//          unknown or repeated field is one, so that no misspelt one is passed over.
// Limits:  kMessageDepthMax, kRequestFieldsMax, kRequestIdBytesMax, kBatchRequestsMax.
// Owner:   one per connection loop. All views hold until the next Parse; Trim gives back what a
//          large message took.
// Source:  docs/protocol.md.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "core/command.h"
#include "core/command_table.h"
#include "language/json.h"

namespace nunc {

inline constexpr std::string_view kNunc1 = "nunc.1";

struct Nunc1Refusal {
  std::string_view code;
  std::string message;
  std::string_view field{};    // empty: none
  std::string_view primary{};  // where it would be taken; empty: that is not why
};

struct Nunc1Request {
  enum class Kind : std::uint8_t { kCommand, kBatch, kRefused };

  Kind kind = Kind::kCommand;
  std::string_view id = "null";  // as JSON, in one form; of a part of a batch without meaning
  Command command{};
  std::string_view requests{};  // of a batch: a JSON array, for JsonElements
  Nunc1Refusal refusal{};
};

class Nunc1Parser {
 public:
  // The fields of an answer to a refused request, before the id: `"error":{...}`.
  static void AppendRefusal(std::string& out, const Nunc1Refusal& refusal);

  const Nunc1Request& Parse(std::string_view message);
  // One of a batch: it has no id and is no batch.
  const Nunc1Request& ParsePart(std::string_view text);
  // A batch of which only `requests` is given: the body of an HTTP request.
  const Nunc1Request& ParseRequests(std::string_view text);
  void Trim() {
    reader_.Trim();
    element_reader_.Trim();
  }

 private:
  // These are false, and the request refused, when something is wrong.
  bool Read(std::string_view text);
  bool TakeId();
  bool TakeOp(std::string_view& op);
  bool TakeBatch();
  bool TakeCommand(std::string_view op);
  bool TakeArgument(const Argument& argument);
  bool TakeText(std::string_view name, const Argument& argument, std::string_view& text);
  bool TakeValue();
  bool TakeWhole(std::string_view name, const Argument& argument);
  bool TakeConflict(std::string_view name);
  bool TakeOptions();
  bool TakeKeys();
  bool TakeLimit();
  bool TakeConditions();
  bool TakePolicy();
  bool TakeSequence();
  bool TakeMilliseconds(std::string_view name, Presence presence, std::optional<std::int64_t>& ms);
  bool AllTaken();

  bool CheckSince();
  const JsonMember* Take(std::string_view name);
  bool Refuse(std::string_view code, std::string message, std::string_view field = {});
  bool RefuseField(std::string_view field, std::string_view allowed);
  bool RefuseMissing(std::string_view field);
  [[nodiscard]] std::string Allowed() const;

  JsonReader reader_;
  JsonReader element_reader_;  // of one element of an array
  std::bitset<kRequestFieldsMax> taken_;
  const CommandRow* row_ = nullptr;  // of the op; null: a batch, or not known yet
  std::string_view around_;          // the fields that stand beside those of an op
  Nunc1Request request_;
  std::string id_;
  std::string field_;  // one that the refusal names
  std::string bytes_;  // of a value in base64
  std::vector<std::string> key_texts_;
  std::vector<std::string_view> keys_;
};

}  // namespace nunc
