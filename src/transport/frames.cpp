#include "transport/frames.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include "base/limits.h"
#include "language/nql_reply.h"
#include "net/http.h"
#include "net/websocket.h"

namespace nunc {
namespace {

std::string_view EventName(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kSet:
      return "set";
    case ChangeKind::kRemoved:
      return "removed";
    case ChangeKind::kConflict:
      return "conflict";
    case ChangeKind::kStarted:
      return "started";
    case ChangeKind::kGap:
      return "gap";
    case ChangeKind::kReady:
      break;
  }
  return "ready";
}

}  // namespace

void AppendTextMessage(std::string& out, std::string_view text, WireForm form, Deflater& deflater,
                       std::string& scratch) {
  // Short texts hardly shrink, and a long one would hold up the loop.
  const bool worth_it =
      IsCompressed(form) && text.size() >= kDeflateBytesMin && text.size() <= kDeflateBytesMax;
  if (worth_it && deflater.Compress(text, scratch)) {
    AppendWsMessage(out, WsOpcode::kText, scratch, WsForm::kCompressed);
  } else {
    AppendWsMessage(out, WsOpcode::kText, text);
  }
}

void Frames::Begin(const Change& change) {
  change_ = &change;
  frames_.fill({});
}

const SharedFrame& Frames::Get(WireForm form) {
  SharedFrame& frame = frames_[static_cast<std::size_t>(form)];
  if (frame.chunk != nullptr) {
    return frame;
  }
  if (IsCompressed(form) && change_->value.size() < kDeflateBytesMin / 2) {
    frame = Get(form == WireForm::kJsonDeflate ? WireForm::kJson : WireForm::kWebSocket);
    return frame;
  }
  encoded_.clear();
  if (form == WireForm::kLines) {
    EncodeLines(encoded_);
  } else if (form == WireForm::kJson || form == WireForm::kJsonDeflate) {
    EncodeJson(encoded_, form);
  } else if (form == WireForm::kSse) {
    EncodeEvent(encoded_);
  } else {
    EncodeMessages(encoded_, form);
  }
  frame = Place(form);
  return frame;
}

SharedFrame Frames::Place(WireForm form) {
  const std::size_t size = encoded_.size();
  if (size > kShortFrameBytesMax) {
    return {.chunk = new FrameChunk(alive_, std::exchange(encoded_, {})), .at = 0, .size = size};
  }
  FrameChunkPtr& chunk = chunks_[static_cast<std::size_t>(form)];
  if (chunk != nullptr && chunk->use_count() == 1) {
    chunk->Clear();  // all of it has been sent: its memory is near
  } else if (chunk == nullptr || !chunk->HasRoom(size)) {
    chunk = new FrameChunk(alive_);
  }
  return {.chunk = chunk, .at = chunk->Append(encoded_), .size = size};
}

void Frames::EncodeLines(std::string& out) const {
  switch (change_->kind) {
    case ChangeKind::kSet:
      AppendChanged(out, *change_);
      AppendChangedVersion(out, *change_);
      return;
    case ChangeKind::kRemoved:
      return AppendRemoved(out, *change_);
    case ChangeKind::kConflict:
      return AppendConflict(out, *change_);
    case ChangeKind::kStarted:
      return AppendStarted(out, *change_);
    case ChangeKind::kReady:
      return AppendReady(out, *change_);
    case ChangeKind::kGap:
      return AppendGap(out, *change_);
  }
}

void Frames::EncodeJson(std::string& out, WireForm form) {
  std::string text;
  json_.AppendPush(text, *change_, names_(change_->database));
  AppendTextMessage(out, text, form, deflater_, scratch_);
}

// HTML, server-sent events. Only a `ready` gives a place to go on from, so only it has an id.
void Frames::EncodeEvent(std::string& out) {
  std::string json;
  json_.AppendPush(json, *change_, names_(change_->database));
  std::string event = "event: ";
  event.append(EventName(change_->kind)) += '\n';
  if (change_->kind == ChangeKind::kReady) {
    event.append("id: ").append(change_->value) += '\n';
  }
  // A stored JSON text may have line ends between its parts.
  std::string_view rest = json;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find_first_of("\r\n"));
    event.append("data: ").append(line) += '\n';
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  event += '\n';
  AppendHttpChunk(out, event);
}

void Frames::EncodeMessages(std::string& out, WireForm form) {
  std::string text;
  const auto append = [&](auto&& write) {
    text.clear();
    write(text, *change_);
    AppendTextMessage(out, text, form, deflater_, scratch_);
  };
  switch (change_->kind) {
    case ChangeKind::kSet:
      append(AppendChanged);
      append(AppendChangedVersion);
      return;
    case ChangeKind::kRemoved:
      return append(AppendRemoved);
    case ChangeKind::kConflict:
      return append(AppendConflict);
    case ChangeKind::kStarted:
      return append(AppendStarted);
    case ChangeKind::kReady:
      return append(AppendReady);
    case ChangeKind::kGap:
      return append(AppendGap);
  }
}

}  // namespace nunc
