#include "push.h"

#include <charconv>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "core/token.h"

namespace nunc {
namespace {

using Json = nlohmann::json;

std::string_view TakeWord(std::string_view& rest) {
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  return word;
}

tl::unexpected<Error> NoPush(std::string_view text) {
  return Fail(Fault::kInvalid, "no push: " + std::string(text.substr(0, 100)));
}

// The revision stands in the token.
bool TakeToken(Push& push) {
  const std::optional<Token> token = ParseToken(push.value);
  push.revision = token ? token->revision : Revision{};
  return token.has_value();
}

Result<Push> ParseText(std::string_view text) {
  std::string_view rest = text;
  const std::string_view word = TakeWord(rest);
  const std::string_view key = TakeWord(rest);
  Push push{.key = std::string(key == "-" ? "" : key), .is_text = true};
  if (word == "changed") {
    push.says_the_same = true;
    return push;
  }
  if (word == "changed-version") {
    const std::string_view number = TakeWord(rest);
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), push.version);
    push.key = key;
    push.value = rest;
    return error == std::errc() && end == number.data() + number.size() ? Result<Push>(push)
                                                                        : NoPush(text);
  }
  if (word == "removed") {
    push.kind = ChangeKind::kRemoved;
    push.key = key;
    return push;
  }
  if (word == "gap") {
    push.kind = ChangeKind::kGap;
    return push;
  }
  push.value = rest;
  if (word == "started") {
    push.kind = ChangeKind::kStarted;
    return push;
  }
  push.kind = ChangeKind::kReady;
  return word == "ready" && TakeToken(push) ? Result<Push>(push) : NoPush(text);
}

bool TakeValue(const Json& message, Push& push) {
  if (message.contains("text")) {
    push.value = message["text"].get<std::string>();
  } else if (message.contains("bytes")) {
    const Result<std::string> bytes = DecodeBase64(message["bytes"].get<std::string>());
    push.value = bytes.value_or("");
    return bytes.has_value();
  } else {
    push.is_json = true;
    push.value = message.at("value").dump();
  }
  return true;
}

Result<Push> ParseJson(std::string_view text) {
  try {
    const Json message = Json::parse(text);
    const std::string what = message.at("push").get<std::string>();
    Push push{.key = message.value(what == "set" || what == "removed" ? "key" : "watch", ""),
              .version = message.value("version", std::int64_t{0}),
              .revision = {message.value("revision", std::uint64_t{0})},
              .timed = message.contains("at"),
              .more = message.value("more", false)};
    bool whole = true;
    if (what == "set") {
      whole = TakeValue(message, push);
    } else if (what == "removed") {
      push.kind = ChangeKind::kRemoved;
    } else if (what == "started") {
      push.kind = ChangeKind::kStarted;
      push.value = message.at("with").get<std::string>() + " " + message.value("token", "");
    } else if (what == "gap") {
      push.kind = ChangeKind::kGap;
    } else if (what == "ready") {
      push.kind = ChangeKind::kReady;
      push.value = message.at("token").get<std::string>();
      const Revision told = push.revision;
      whole = TakeToken(push) && told == push.revision;
    } else {
      whole = false;
    }
    if (push.kind == ChangeKind::kStarted && push.value.ends_with(' ')) {
      push.value.pop_back();
    }
    return whole ? Result<Push>(push) : NoPush(text);
  } catch (const Json::exception& error) {
    return Fail(Fault::kInvalid, error.what());
  }
}

}  // namespace

Result<Push> ParsePush(std::string_view text) {
  return text.starts_with('{') ? ParseJson(text) : ParseText(text);
}

bool SameJson(std::string_view one, std::string_view other) {
  const Json first = Json::parse(one, nullptr, /*allow_exceptions=*/false);
  return !first.is_discarded() && first == Json::parse(other, nullptr, /*allow_exceptions=*/false);
}

}  // namespace nunc
