#include "transport/nunc1_requests.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "language/json.h"
#include "language/nunc1_reply.h"
#include "transport/connection.h"
#include "transport/hub.h"

namespace nunc {
namespace {

constexpr std::size_t kKeptBytesMax = std::size_t{4} << 10;
constexpr std::string_view kReplies = "\"ok\":{\"replies\":[";

void ClearAndTrim(std::string& text) {
  if (text.capacity() > kKeptBytesMax) {
    std::string().swap(text);  // assigning an empty one would keep the memory
  } else {
    text.clear();
  }
}

}  // namespace

// ---- requests

void Nunc1Requests::Run(std::string id, const Nunc1Request& request) {
  if (request.kind != Nunc1Request::Kind::kBatch) {
    return RunOne({.id = std::move(id)}, request);
  }
  if (JsonElements(request.requests).AtEnd()) {
    return RunAs({.id = std::move(id), .outcome = std::string(kReplies) + "]}"}, {});
  }
  batch_ = request.requests;
  batch_at_ = 0;
  batch_id_ = std::move(id);
}

void Nunc1Requests::RunRefused(std::string id, const Nunc1Refusal& refusal) {
  RefuseOne({.id = std::move(id)}, refusal);
}

bool Nunc1Requests::IsInUse(std::string_view id) const {
  return std::any_of(asked_.begin(), asked_.end(),
                     [id](const Asked& asked) { return asked.id == id; });
}

void Nunc1Requests::RunOne(Asked asked, const Nunc1Request& request) {
  if (request.kind == Nunc1Request::Kind::kRefused) {
    return RefuseOne(std::move(asked), request.refusal);
  }
  asked.verb = request.command.verb;
  RunAs(std::move(asked), request.command);
}

void Nunc1Requests::RefuseOne(Asked asked, const Nunc1Refusal& refusal) {
  Nunc1Parser::AppendRefusal(asked.outcome, refusal);
  RunAs(std::move(asked), {});
}

void Nunc1Requests::RunAs(Asked asked, const Command& command) {
  asked_bytes_ += asked.id.size() + asked.outcome.size();
  asked_.push_back(std::move(asked));
  connection_.Execute(command);
}

bool Nunc1Requests::RunBatch() {
  if (batch_.empty()) {
    return true;
  }
  Nunc1Parser& parser = connection_.hub().json_parser();
  JsonElements requests(std::string_view(batch_).substr(batch_at_));
  std::string_view request;
  while (connection_.MayRun() && requests.Next(request)) {
    batch_at_ = batch_.size() - requests.Remaining().size() - 1;
    Asked asked{.place = Place::kInBatch};
    if (requests.AtEnd()) {
      asked = {.place = Place::kLastInBatch, .id = std::move(batch_id_)};
    }
    if (replies_.size() >= kBatchAnswerBytesMax) {
      RefuseOne(std::move(asked), {.code = "not-run",
                                   .message = "the answer to the batch has reached its limit of " +
                                              std::to_string(kBatchAnswerBytesMax) + " bytes"});
    } else {
      RunOne(std::move(asked), parser.ParsePart(request));
    }
  }
  if (!requests.AtEnd()) {
    return false;
  }
  std::string().swap(batch_);  // assigning an empty one would keep the memory
  parser.Trim();
  return true;
}

// ---- answers

std::optional<Nunc1Requests::Answer> Nunc1Requests::OnReply(const Reply& reply,
                                                            const Output& output) {
  CHECK(!asked_.empty());
  if (!reply.is_status()) {
    outcome_.clear();
    connection_.hub().json_writer().AppendData(outcome_, reply, output);
    return std::nullopt;
  }
  Asked asked = std::move(asked_.front());
  asked_.pop_front();
  asked_bytes_ -= asked.id.size() + asked.outcome.size();
  if (!asked.outcome.empty()) {
    outcome_ = asked.outcome;
  } else if (reply.kind == ReplyKind::kError || outcome_.empty()) {
    outcome_.clear();
    Nunc1Writer::AppendStatus(outcome_, reply, output, asked.verb);
  }
  if (asked.place == Place::kAlone) {
    return Answer{.id = std::move(asked.id), .fields = outcome_};
  }
  replies_.append(replies_.empty() ? kReplies : ",").append("{").append(outcome_) += '}';
  ClearAndTrim(outcome_);
  if (asked.place != Place::kLastInBatch) {
    return std::nullopt;
  }
  answer_ = std::exchange(replies_, {});
  return Answer{.id = std::move(asked.id), .fields = answer_ += "]}"};
}

void Nunc1Requests::Trim() {
  ClearAndTrim(outcome_);
  ClearAndTrim(answer_);
}

std::size_t Nunc1Requests::BufferedBytes() const {
  return asked_bytes_ + asked_.size() * sizeof(Asked) + outcome_.capacity() + batch_.capacity() +
         replies_.capacity() + answer_.capacity();
}

}  // namespace nunc
