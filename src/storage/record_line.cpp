#include "storage/record_line.h"

#include <array>
#include <chrono>
#include <cstdio>

#include "base/base64.h"
#include "base/utf8.h"
#include "core/database.h"

namespace nunc {
namespace {

// RFC 8259 §7.
void AppendString(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(byte));
      out += escaped.data();
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendField(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  AppendString(out, text);
}

void AppendField(std::string& out, std::string_view name, std::uint64_t number) {
  out.append(",\"").append(name).append("\":").append(std::to_string(number));
}

std::string_view NameOf(RecordType type) {
  switch (type) {
    case RecordType::kSet:
      return "set";
    case RecordType::kRemove:
      return "remove";
    case RecordType::kBatch:
      return "batch";
    case RecordType::kCreateDatabase:
      return "create-database";
    case RecordType::kDropDatabase:
      return "drop-database";
    case RecordType::kNoop:
      return "noop";
    case RecordType::kConfig:
      return "config";
    case RecordType::kMark:
      return "mark";
    case RecordType::kArbiter:
      return "arbiter";
    case RecordType::kExpire:
      break;
  }
  return "expire";
}

void AppendLifetime(std::string& out, const RecordItem& item) {
  const Lifetime& lifetime = item.lifetime;
  if (lifetime.expires_us != 0) {
    AppendField(out, "expires", TimeText(lifetime.expires_us));
  } else if (item.type == RecordType::kExpire) {
    out += ",\"expires\":null";
  }
  if (lifetime.owner != 0) {
    AppendField(out, "session", std::to_string(lifetime.owner));
    AppendField(out, "grace_ms", static_cast<std::uint64_t>(lifetime.grace_us / 1000));
  }
}

// What stands behind the type.
void AppendItem(std::string& out, const RecordItem& item) {
  AppendField(out, "key", item.key);
  if (item.type == RecordType::kSet) {
    if (IsSecureKey(item.key)) {
      out += ",\"masked\":true";
    } else if (IsValidUtf8(item.value)) {
      AppendField(out, "value", item.value);
    } else {
      out += ",\"value_base64\":\"";
      out += EncodeBase64(item.value);
      out += '"';
    }
  }
  if (item.type != RecordType::kRemove) {
    AppendField(out, "version", item.version);
  }
  AppendField(out, "previous", item.previous.value);
  if (item.in_conflict) {
    out += ",\"in_conflict\":true";
  }
  AppendLifetime(out, item);
}

void AppendSpec(std::string& out, const DatabaseSpec& spec) {
  static constexpr std::array<std::string_view, 3> kStrategies = {"none", "newer", "arbiter"};
  static constexpr std::array<std::string_view, 3> kLevels = {"written", "disk", "quorum"};
  AppendField(out, "name", spec.name);
  AppendField(out, "strategy", kStrategies[static_cast<std::size_t>(spec.strategy)]);
  AppendField(out, "ack", kLevels[static_cast<std::size_t>(spec.level)]);
  out += ",\"masked\":true";
}

}  // namespace

std::string TimeText(std::int64_t time_us) {
  using std::chrono::microseconds;
  const std::chrono::sys_time<microseconds> time{microseconds(time_us)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss<microseconds> clock{time - day};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text.data();
}

std::string RecordLine(const DecodedRecord& decoded, std::string_view database) {
  const Record& record = decoded.record;
  std::string out = "{\"revision\":" + std::to_string(record.revision.value);
  AppendField(out, "term", decoded.term.value);
  AppendField(out, "time", TimeText(record.time_us));
  AppendField(out, "type", NameOf(record.type));
  if (!(record.database == DatabaseId{})) {
    AppendField(out, "database", record.database.value);
    if (!database.empty()) {
      AppendField(out, "database_name", database);
    }
  }
  if (record.type == RecordType::kCreateDatabase) {
    AppendSpec(out, record.spec);
  } else if (record.type == RecordType::kBatch) {
    out += ",\"items\":[";
    for (const RecordItem& item : record.items) {
      out += &item == record.items.data() ? "{\"type\":" : ",{\"type\":";
      AppendString(out, NameOf(item.type));
      AppendItem(out, item);
      out += '}';
    }
    out += ']';
  } else if (!record.items.empty()) {
    AppendItem(out, record.items.front());
  }
  out += '}';
  return out;
}

}  // namespace nunc
