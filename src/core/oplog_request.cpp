#include "core/oplog_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace nunc {
namespace {

constexpr std::string_view kPlaceAllowed =
    "allowed is a revision (1200), a time in UTC (2026-11-24T10:00:00) or an age (90s, 15m, 2h, "
    "3d)";
constexpr std::string_view kKeepAllowed =
    "allowed is a size (1048576, 512MiB, 1GiB) or an age (90s, 15m, 2h, 3d)";

struct Unit {
  std::string_view name;
  std::uint64_t factor = 1;
};

template <class Number>
std::optional<Number> ReadNumber(std::string_view text) {
  Number number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, fault] = std::from_chars(text.data(), end, number);
  if (fault != std::errc{} || stopped != end || text.empty()) {
    return std::nullopt;
  }
  return number;
}

template <std::size_t Count>
std::optional<std::uint64_t> ReadWithUnit(std::string_view text,
                                          const std::array<Unit, Count>& units) {
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.name)) {
      continue;
    }
    const auto number = ReadNumber<std::uint64_t>(text.substr(0, text.size() - unit.name.size()));
    std::uint64_t product = 0;
    if (number && !__builtin_mul_overflow(*number, unit.factor, &product)) {
      return product;
    }
  }
  return std::nullopt;
}

// 2026-11-24, 2026-11-24T10:00 or 2026-11-24T10:00:00, each with a Z or without.
std::optional<std::int64_t> ReadTime(std::string_view text) {
  if (text.ends_with('Z')) {
    text.remove_suffix(1);
  }
  static constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() != 10 && text.size() != 16 && text.size() != 19) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) {
      return std::nullopt;
    }
  }
  const auto part = [text](std::size_t at, std::size_t length) {
    return at < text.size() ? ReadNumber<unsigned>(text.substr(at, length)).value_or(0) : 0U;
  };
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(part(0, 4))),
                                        std::chrono::month(part(5, 2)),
                                        std::chrono::day(part(8, 2))};
  if (!day.ok() || part(11, 2) > 23 || part(14, 2) > 59 || part(17, 2) > 59) {
    return std::nullopt;
  }
  const auto days = std::chrono::sys_days(day).time_since_epoch().count();
  const std::int64_t seconds = std::int64_t{days} * 86'400 + std::int64_t{part(11, 2)} * 3'600 +
                               std::int64_t{part(14, 2)} * 60 + part(17, 2);
  return seconds * 1'000'000;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    if (space != 0) {
      words.push_back(text.substr(0, space));
    }
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  return words;
}

Result<LogPlace> ParsePlace(std::string_view text, std::int64_t now_us) {
  if (const auto revision = ReadNumber<std::uint64_t>(text)) {
    return LogPlace{.kind = LogPlace::Kind::kRevision, .revision = {.value = *revision}};
  }
  if (const auto time_us = ReadTime(text)) {
    return LogPlace{.kind = LogPlace::Kind::kTime, .time_us = *time_us};
  }
  if (const Result<std::int64_t> age = ParseAge(text)) {
    return LogPlace{.kind = LogPlace::Kind::kTime, .time_us = now_us - *age};
  }
  return Fail(Fault::kInvalid,
              std::string(kPlaceAllowed) + ", not '" + std::string(text.substr(0, 64)) + "'");
}

Result<OplogRequest> ParseSince(const std::vector<std::string_view>& words, std::int64_t now_us) {
  if (words.empty() || words.size() > 4) {
    return Fail(Fault::kInvalid, "oplog since takes PLACE [DATABASE] [PATTERN] [LIMIT]");
  }
  OplogRequest request{
      .operation = {.kind = OperationKind::kOplogSince, .limit = kOplogRecordsDefault}};
  const Result<LogPlace> place = ParsePlace(words[0], now_us);
  if (!place) {
    return tl::unexpected(place.error());
  }
  request.operation.from = *place;
  if (words.size() > 1 && words[1] != "*") {
    request.database = words[1];
  }
  if (words.size() > 2) {
    request.operation.pattern = words[2];
  }
  if (words.size() > 3) {
    const auto limit = ReadNumber<std::uint64_t>(words[3]);
    if (!limit || *limit < 1 || *limit > kOplogRecordsMax) {
      return Fail(Fault::kInvalid, "the limit of oplog since is a number from 1 to " +
                                       std::to_string(kOplogRecordsMax));
    }
    request.operation.limit = *limit;
  }
  return request;
}

Result<OplogRequest> ParseClean(const std::vector<std::string_view>& words, std::int64_t now_us) {
  OplogRequest request{.operation = {.kind = OperationKind::kOplogClean}};
  if (words.size() == 2 && words[0] == "before") {
    const Result<LogPlace> place = ParsePlace(words[1], now_us);
    if (!place) {
      return tl::unexpected(place.error());
    }
    request.operation.from = *place;
    return request;
  }
  if (words.size() != 2 || words[0] != "keep") {
    return Fail(Fault::kInvalid, "oplog clean takes `before PLACE` or `keep SIZE`, `keep AGE`");
  }
  request.operation.by_keep = true;
  if (const Result<std::uint64_t> bytes = ParseBytes(words[1])) {
    request.operation.keep.bytes = *bytes;
  } else if (const Result<std::int64_t> age_us = ParseAge(words[1])) {
    request.operation.keep.age_us = *age_us;
  } else {
    return Fail(Fault::kInvalid, std::string(kKeepAllowed));
  }
  return request;
}

}  // namespace

Result<std::int64_t> ParseAge(std::string_view text) {
  static constexpr std::array kUnits = {
      Unit{"ms", 1'000},           Unit{"s", 1'000'000},         Unit{"m", 60'000'000},
      Unit{"h", 3'600'000'000ULL}, Unit{"d", 86'400'000'000ULL},
  };
  const auto age = ReadWithUnit(text, kUnits);
  if (!age || *age > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 2) {
    return Fail(Fault::kInvalid, "allowed is an age (50ms, 90s, 15m, 2h, 3d)");
  }
  return static_cast<std::int64_t>(*age);
}

Result<std::uint64_t> ParseBytes(std::string_view text) {
  static constexpr std::array kUnits = {
      Unit{"KiB", std::uint64_t{1} << 10},
      Unit{"MiB", std::uint64_t{1} << 20},
      Unit{"GiB", std::uint64_t{1} << 30},
      Unit{"TiB", std::uint64_t{1} << 40},
      Unit{"", 1},
  };
  if (const auto bytes = ReadWithUnit(text, kUnits)) {
    return *bytes;
  }
  return Fail(Fault::kInvalid, "allowed is a size (1048576, 512KiB, 64MiB, 1GiB)");
}

Result<OplogRequest> ParseOplogRequest(std::string_view what, std::string_view rest,
                                       std::int64_t now_us) {
  const std::vector<std::string_view> words = Words(rest);
  if (what == "info" && words.empty()) {
    return OplogRequest{.operation = {.kind = OperationKind::kOplogInfo}};
  }
  if (what == "since") {
    return ParseSince(words, now_us);
  }
  if (what == "clean") {
    return ParseClean(words, now_us);
  }
  return Fail(Fault::kInvalid,
              "allowed are `oplog info`, `oplog since PLACE [DATABASE] [PATTERN] [LIMIT]`, "
              "`oplog clean before PLACE` and `oplog clean keep SIZE|AGE`");
}

}  // namespace nunc
