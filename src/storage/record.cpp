#include "storage/record.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/little_endian.h"
#include "base/planted.h"
#include "core/conflicts.h"

namespace nunc {

namespace {

// Where the fields of the header stand.
constexpr std::size_t kLengthAt = 0;
constexpr std::size_t kDatabaseAt = 4;
constexpr std::size_t kChecksumAt = 8;
constexpr std::size_t kTermAt = 16;
constexpr std::size_t kRevisionAt = 24;
constexpr std::size_t kTimeAt = 32;
constexpr std::size_t kTypeAt = 40;
constexpr std::size_t kFlagsAt = 41;
constexpr std::size_t kKeyLengthAt = 42;
constexpr std::size_t kValueLengthAt = 44;
constexpr std::size_t kVersionAt = 48;
constexpr std::size_t kPreviousAt = 56;

constexpr std::size_t kSessionBytes = 16;
constexpr std::size_t kExpiresBytes = 8;
constexpr std::size_t kOwnerBytes = 16;  // owner, grace

constexpr std::uint8_t kFlagSession = 1;
constexpr std::uint8_t kFlagExpires = 2;
constexpr std::uint8_t kFlagQuiet = 4;
constexpr std::uint8_t kFlagInConflict = 8;
constexpr std::uint8_t kFlagOwned = 16;
constexpr std::uint8_t kFlagBegins = 32;
constexpr std::uint8_t kFlagsKnown =
    kFlagSession | kFlagExpires | kFlagQuiet | kFlagInConflict | kFlagOwned | kFlagBegins;
constexpr std::uint8_t kItemFlagsKnown = kFlagExpires | kFlagInConflict | kFlagOwned;

// One item of a batch: type, flags, key length, value length, version, previous; expires; owner,
// grace; key; value.
constexpr std::size_t kItemHeaderBytes = 24;
constexpr std::size_t kItemFlagsAt = 1;
constexpr std::size_t kItemKeyLengthAt = 2;
constexpr std::size_t kItemValueLengthAt = 4;
constexpr std::size_t kItemVersionAt = 8;
constexpr std::size_t kItemPreviousAt = 16;

// What stands before the token of a new database: strategy, level.
constexpr std::size_t kDatabaseFieldsBytes = 2;

constexpr std::size_t kAlignment = 8;
// A long record has made the buffer large; the next ones need not keep it so.
constexpr std::size_t kScratchBytesKept = std::size_t{1} << 20;

constexpr std::size_t Padded(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

bool IsOfOneKey(RecordType type) {
  return type == RecordType::kSet || type == RecordType::kRemove || type == RecordType::kMark ||
         type == RecordType::kExpire;
}

bool InConflict(const RecordItem& item) {
  return item.type == RecordType::kMark || (item.type == RecordType::kSet && item.in_conflict);
}

Lifetime LifetimeOf(const RecordItem& item) {
  const bool has = item.type == RecordType::kSet || item.type == RecordType::kExpire;
  return has ? item.lifetime : Lifetime{};
}

std::size_t LifetimeBytes(std::uint8_t flags) {
  return ((flags & kFlagExpires) != 0 ? kExpiresBytes : 0) +
         ((flags & kFlagOwned) != 0 ? kOwnerBytes : 0);
}

std::uint8_t FlagsOf(const RecordItem& item) {
  const Lifetime lifetime = LifetimeOf(item);
  const unsigned flags = (InConflict(item) ? kFlagInConflict : 0U) |
                         (lifetime.expires_us != 0 ? kFlagExpires : 0U) |
                         (lifetime.owner != 0 ? kFlagOwned : 0U);
  return static_cast<std::uint8_t>(flags);
}

void AppendLifetime(std::string& out, const RecordItem& item) {
  const Lifetime lifetime = LifetimeOf(item);
  std::array<char, kExpiresBytes + kOwnerBytes> bytes{};
  PutLittle(bytes.data(), lifetime.expires_us);
  PutLittle(bytes.data() + kExpiresBytes, lifetime.owner);
  PutLittle(bytes.data() + kExpiresBytes + 8, lifetime.grace_us);
  if (lifetime.expires_us != 0) {
    out.append(bytes.data(), kExpiresBytes);
  }
  if (lifetime.owner != 0) {
    out.append(bytes.data() + kExpiresBytes, kOwnerBytes);
  }
}

// `bytes` has what the flags say.
Lifetime ReadLifetime(std::string_view bytes, std::uint8_t flags) {
  Lifetime lifetime;
  if ((flags & kFlagExpires) != 0) {
    lifetime.expires_us = GetLittle<std::int64_t>(bytes, 0);
    bytes.remove_prefix(kExpiresBytes);
  }
  if ((flags & kFlagOwned) != 0) {
    lifetime.owner = GetLittle<std::uint64_t>(bytes, 0);
    lifetime.grace_us = GetLittle<std::int64_t>(bytes, 8);
  }
  return lifetime;
}

std::size_t ValueBytes(const RecordItem& item) {
  return item.type == RecordType::kSet ? item.value.size() : 0;
}

// What stands behind the header, before padding.
struct BodySizes {
  std::size_t session = 0;
  std::size_t lifetime = 0;
  std::size_t key = 0;
  std::size_t value = 0;

  [[nodiscard]] std::size_t record() const {
    return Padded(kRecordHeaderBytes + session + lifetime + key + value);
  }
};

BodySizes ContentSizesOf(const Record& record) {
  switch (record.type) {
    case RecordType::kSet:
    case RecordType::kRemove:
    case RecordType::kMark:
    case RecordType::kExpire: {
      CHECK(record.items.size() == 1 && record.items.front().type == record.type);
      const RecordItem& item = record.items.front();
      return {.lifetime = LifetimeBytes(FlagsOf(item)),
              .key = item.key.size(),
              .value = ValueBytes(item)};
    }
    case RecordType::kBatch: {
      CHECK(!record.items.empty());
      std::size_t bytes = 0;
      for (const RecordItem& item : record.items) {
        CHECK(IsOfOneKey(item.type));
        bytes +=
            kItemHeaderBytes + LifetimeBytes(FlagsOf(item)) + item.key.size() + ValueBytes(item);
      }
      return {.value = bytes};
    }
    case RecordType::kCreateDatabase:
      return {.key = record.spec.name.size(),
              .value = kDatabaseFieldsBytes + record.spec.token.size()};
    case RecordType::kConfig:
      return {.value = record.members.size()};
    case RecordType::kDropDatabase:
    case RecordType::kNoop:
    case RecordType::kArbiter:
      break;
  }
  return {};
}

BodySizes SizesOf(const Record& record) {
  BodySizes sizes = ContentSizesOf(record);
  sizes.session = record.retry.session != 0 ? kSessionBytes : 0;
  return sizes;
}

std::uint16_t KeyLength(std::size_t bytes) {
  CHECK(bytes <= std::numeric_limits<std::uint16_t>::max());
  return static_cast<std::uint16_t>(bytes);
}

// Bounded by the record, which is bounded by kRecordBytesMax.
std::uint32_t Length(std::size_t bytes) {
  return static_cast<std::uint32_t>(bytes);
}

void AppendItem(std::string& out, const RecordItem& item) {
  std::array<char, kItemHeaderBytes> header{};
  PutLittle(header.data(), std::to_underlying(item.type));
  PutLittle(header.data() + kItemFlagsAt, FlagsOf(item));
  PutLittle(header.data() + kItemKeyLengthAt, KeyLength(item.key.size()));
  PutLittle(header.data() + kItemValueLengthAt, Length(ValueBytes(item)));
  PutLittle(header.data() + kItemVersionAt, std::uint64_t{item.version});
  PutLittle(header.data() + kItemPreviousAt, item.previous.value);
  out.append(header.data(), header.size());
  AppendLifetime(out, item);
  out.append(item.key);
  out.append(item.value.substr(0, ValueBytes(item)));
}

void AppendRetry(std::string& out, const RetryId& retry) {
  if (retry.session != 0) {
    std::array<char, kSessionBytes> bytes{};
    PutLittle(bytes.data(), retry.session);
    PutLittle(bytes.data() + 8, retry.sequence);
    out.append(bytes.data(), bytes.size());
  }
}

void AppendBody(std::string& out, const Record& record) {
  switch (record.type) {
    case RecordType::kSet:
    case RecordType::kRemove:
    case RecordType::kMark:
    case RecordType::kExpire:
      AppendLifetime(out, record.items.front());
      out.append(record.items.front().key);
      out.append(record.items.front().value.substr(0, ValueBytes(record.items.front())));
      break;
    case RecordType::kBatch:
      for (const RecordItem& item : record.items) {
        AppendItem(out, item);
      }
      break;
    case RecordType::kCreateDatabase:
      out.append(record.spec.name);
      out.push_back(static_cast<char>(record.spec.strategy));
      out.push_back(static_cast<char>(record.spec.level));
      out.append(record.spec.token);
      break;
    case RecordType::kConfig:
      out.append(record.members);
      break;
    case RecordType::kDropDatabase:
    case RecordType::kNoop:
    case RecordType::kArbiter:
      break;
  }
}

bool MayBearSequence(const Record& record) {
  const bool writes = record.type == RecordType::kSet || record.type == RecordType::kRemove ||
                      record.type == RecordType::kBatch;
  return writes && record.retry.session != 0 && record.retry.sequence != 0;
}

// As many writes as one request may ask for, beside the entries of the queue of conflicts.
bool IsOneRequest(const Record& record) {
  const auto writes = std::ranges::count_if(
      record.items, [](const RecordItem& item) { return !ParseConflictKey(item.key); });
  return writes > 0 && static_cast<std::size_t>(writes) <= kTransactionWritesMax;
}

tl::unexpected<Error> Damaged(std::string detail) {
  return Fail(Fault::kDamaged, std::move(detail));
}

std::string Number(std::uint64_t value) {
  return std::to_string(value);
}

tl::unexpected<Error> DamagedItem(std::size_t ordinal, std::string_view detail) {
  return Damaged("item list: item " + Number(ordinal) + ": " + std::string(detail));
}

bool IsKnownType(std::uint8_t type) {
  return type >= std::to_underlying(RecordType::kSet) &&
         type <= std::to_underlying(RecordType::kExpire);
}

Result<void> CheckLifetime(const RecordItem& item, std::uint8_t flags) {
  const Lifetime& lifetime = item.lifetime;
  if (LifetimeBytes(flags) > 0 && item.type != RecordType::kSet &&
      item.type != RecordType::kExpire) {
    return Damaged("a lifetime where no key gets one");
  }
  if ((flags & kFlagExpires) != 0 &&
      (lifetime.expires_us <= 0 || lifetime.expires_us > kExpiresUsMax)) {
    return Damaged("a time of expiry that cannot be one");
  }
  if ((flags & kFlagOwned) != 0 &&
      (lifetime.owner == 0 || lifetime.grace_us < 0 || lifetime.grace_us > kExpiresUsMax)) {
    return Damaged("an owner or a grace that cannot be one");
  }
  return {};
}

// What is allowed to stand in one key's change, in a record and in a batch alike.
Result<void> CheckItem(const RecordItem& item, std::uint64_t version, std::uint8_t flags) {
  const bool in_conflict = (flags & kFlagInConflict) != 0;
  if (version > std::numeric_limits<std::uint32_t>::max()) {
    return Damaged("version " + Number(version) + " is above the largest one");
  }
  if (item.type != RecordType::kSet && !item.value.empty()) {
    return Damaged("a value where there is none");
  }
  if (in_conflict != InConflict(item)) {
    return Damaged(in_conflict ? "a key in conflict where there is none"
                               : "a mark that is not in conflict");
  }
  return CheckLifetime(item, flags);
}

Result<void> ReadSpec(DatabaseSpec& spec, std::string_view name, std::string_view value) {
  if (value.size() < kDatabaseFieldsBytes) {
    return Damaged("a new database without strategy and level");
  }
  const auto strategy = GetLittle<std::uint8_t>(value, 0);
  const auto level = GetLittle<std::uint8_t>(value, 1);
  if (strategy > std::to_underlying(Strategy::kArbiter)) {
    return Damaged("strategy " + Number(strategy) + " is not known to this version");
  }
  if (level > std::to_underlying(AckLevel::kQuorum)) {
    return Damaged("level " + Number(level) + " is not known to this version");
  }
  spec = {.name = name,
          .token = value.substr(kDatabaseFieldsBytes),
          .strategy = Strategy{strategy},
          .level = AckLevel{level}};
  return {};
}

// What stands before the key.
std::size_t FixedBytes(std::uint8_t flags) {
  return kRecordHeaderBytes + ((flags & kFlagSession) != 0 ? kSessionBytes : 0) +
         LifetimeBytes(flags);
}

}  // namespace

std::size_t EncodedBytes(const Record& record) {
  return SizesOf(record).record();
}

void AppendRecord(std::string& out, const Record& record, Term term, std::uint64_t& chain) {
  const BodySizes sizes = SizesOf(record);
  const std::size_t bytes = sizes.record();
  CHECK(bytes <= kRecordBytesMax);
  std::array<char, kRecordHeaderBytes> header{};
  PutLittle(header.data() + kLengthAt, Length(bytes));
  PutLittle(header.data() + kDatabaseAt, record.database.value);
  PutLittle(header.data() + kTermAt, term.value);
  PutLittle(header.data() + kRevisionAt, record.revision.value);
  PutLittle(header.data() + kTimeAt, record.time_us);
  PutLittle(header.data() + kTypeAt, std::to_underlying(record.type));
  PutLittle(header.data() + kKeyLengthAt, KeyLength(sizes.key));
  PutLittle(header.data() + kValueLengthAt, Length(sizes.value));
  unsigned flags = record.retry.session != 0 ? kFlagSession : 0U;
  flags |= record.retry.begins ? kFlagBegins : 0U;
  if (IsOfOneKey(record.type)) {
    const RecordItem& item = record.items.front();
    flags |= FlagsOf(item);
    PutLittle(header.data() + kVersionAt, std::uint64_t{item.version});
    PutLittle(header.data() + kPreviousAt, item.previous.value);
  }
  PutLittle(header.data() + kFlagsAt, static_cast<std::uint8_t>(flags));
  const std::size_t begin = out.size();
  out.append(header.data(), header.size());
  AppendRetry(out, record.retry);
  AppendBody(out, record);
  out.append(begin + bytes - out.size(), '\0');
  chain = HashBytes(std::string_view(out).substr(begin), Planted(Bug::kNoChain) ? 0 : chain);
  PutLittle(out.data() + begin + kChecksumAt, chain);
}

RecordHead HeadOfRecord(std::string_view bytes) {
  CHECK(bytes.size() >= kRecordHeaderBytes);
  const RecordHead head{.bytes = GetLittle<std::uint32_t>(bytes, kLengthAt),
                        .end = {.term = {GetLittle<std::uint64_t>(bytes, kTermAt)},
                                .revision = {GetLittle<std::uint64_t>(bytes, kRevisionAt)},
                                .time_us = GetLittle<std::int64_t>(bytes, kTimeAt),
                                .checksum = GetLittle<std::uint64_t>(bytes, kChecksumAt)}};
  CHECK(head.bytes >= kRecordHeaderBytes && head.bytes <= bytes.size());
  return head;
}

std::size_t RecordLength(std::string_view bytes) {
  return GetLittle<std::uint32_t>(bytes, kLengthAt);
}

RecordKey KeyOfRecord(std::string_view bytes) {
  CHECK(bytes.size() >= kRecordHeaderBytes);
  return {.database = {GetLittle<std::uint32_t>(bytes, kDatabaseAt)},
          .key = bytes.substr(FixedBytes(GetLittle<std::uint8_t>(bytes, kFlagsAt)),
                              GetLittle<std::uint16_t>(bytes, kKeyLengthAt))};
}

Result<std::optional<DecodedRecord>> RecordDecoder::Decode(std::string_view bytes,
                                                           std::uint64_t chain) {
  refused_intact_ = false;
  const auto whole = Whole(bytes);
  if (!whole) {
    return Fail(whole.error().fault, whole.error().detail);
  }
  if (whole->empty()) {
    return std::nullopt;
  }
  if (!Planted(Bug::kBadChecksum) &&
      ChecksumOf(*whole, chain) != GetLittle<std::uint64_t>(bytes, kChecksumAt)) {
    return Damaged("checksum: its bytes have changed, or it was not written behind these records");
  }
  auto decoded = Fields(*whole);
  if (!decoded) {
    refused_intact_ = true;
    return Fail(decoded.error().fault, std::move(decoded.error().detail));
  }
  return std::optional(*decoded);
}

Result<DecodedRecord> RecordDecoder::DecodeChecked(std::string_view bytes) {
  refused_intact_ = false;
  const auto whole = Whole(bytes);
  if (!whole) {
    return Fail(whole.error().fault, whole.error().detail);
  }
  return whole->empty() ? Damaged("it is not whole") : Fields(*whole);
}

// Empty when there are too few bytes.
Result<std::string_view> RecordDecoder::Whole(std::string_view bytes) {
  bytes_needed_ = kRecordHeaderBytes;
  if (bytes.size() < kRecordHeaderBytes) {
    return std::string_view();
  }
  const std::size_t length = GetLittle<std::uint32_t>(bytes, kLengthAt);
  if (length < kRecordHeaderBytes || length > kRecordBytesMax || length % kAlignment != 0) {
    return Damaged("length " + Number(length) + " is none of a record");
  }
  bytes_needed_ = length;
  return bytes.size() < length ? std::string_view() : bytes.substr(0, length);
}

// The record is hashed as it was written: with nothing in the place of the checksum.
std::uint64_t RecordDecoder::ChecksumOf(std::string_view bytes, std::uint64_t chain) {
  scratch_.assign(bytes);
  PutLittle(scratch_.data() + kChecksumAt, std::uint64_t{0});
  const std::uint64_t checksum = HashBytes(scratch_, Planted(Bug::kNoChain) ? 0 : chain);
  if (scratch_.capacity() > kScratchBytesKept) {
    scratch_ = {};
  }
  return checksum;
}

Result<DecodedRecord> RecordDecoder::Fields(std::string_view bytes) {
  const auto type = GetLittle<std::uint8_t>(bytes, kTypeAt);
  const auto flags = GetLittle<std::uint8_t>(bytes, kFlagsAt);
  if (!IsKnownType(type)) {
    return Damaged("type " + Number(type) + " is not known to this version");
  }
  if ((flags & ~kFlagsKnown) != 0) {
    return Damaged("flags " + Number(flags) + " are not known to this version");
  }
  const std::size_t key_bytes = GetLittle<std::uint16_t>(bytes, kKeyLengthAt);
  const std::size_t value_bytes = GetLittle<std::uint32_t>(bytes, kValueLengthAt);
  const std::size_t filled = FixedBytes(flags) + key_bytes + value_bytes;
  if (Padded(filled) != bytes.size()) {
    return Damaged("length " + Number(bytes.size()) + " where the fields have " + Number(filled));
  }
  if (bytes.find_first_not_of('\0', filled) != std::string_view::npos) {
    return Damaged("padding that is not zero");
  }
  DecodedRecord decoded{.record = {.type = RecordType{type},
                                   .database = {GetLittle<std::uint32_t>(bytes, kDatabaseAt)},
                                   .revision = {GetLittle<std::uint64_t>(bytes, kRevisionAt)},
                                   .time_us = GetLittle<std::int64_t>(bytes, kTimeAt)},
                        .term = {GetLittle<std::uint64_t>(bytes, kTermAt)},
                        .checksum = GetLittle<std::uint64_t>(bytes, kChecksumAt),
                        .bytes = bytes.size(),
                        .quiet = (flags & kFlagQuiet) != 0};
  std::size_t at = kRecordHeaderBytes;
  if ((flags & kFlagSession) != 0) {
    decoded.record.retry = {.session = GetLittle<std::uint64_t>(bytes, at),
                            .sequence = GetLittle<std::uint64_t>(bytes, at + 8),
                            .begins = (flags & kFlagBegins) != 0};
    at += kSessionBytes;
    if (!MayBearSequence(decoded.record)) {
      return Damaged("a session and a sequence that cannot be those of a write");
    }
  } else if ((flags & kFlagBegins) != 0) {
    return Damaged("a session begins that is not there");
  }
  const auto content = Content(decoded, bytes, at);
  if (!content) {
    return Fail(content.error().fault, content.error().detail);
  }
  if ((flags & kFlagSession) != 0 && !IsOneRequest(decoded.record)) {
    return Damaged("a session and a sequence that cannot be those of so many writes");
  }
  return decoded;
}

// `at` is where the lifetime begins; that all of it is within `bytes` has been checked.
Result<void> RecordDecoder::Content(DecodedRecord& decoded, std::string_view bytes,
                                    std::size_t at) {
  const auto flags = GetLittle<std::uint8_t>(bytes, kFlagsAt);
  const Lifetime lifetime = ReadLifetime(bytes.substr(at), flags);
  at += LifetimeBytes(flags);
  const std::string_view key = bytes.substr(at, GetLittle<std::uint16_t>(bytes, kKeyLengthAt));
  const std::string_view value =
      bytes.substr(at + key.size(), GetLittle<std::uint32_t>(bytes, kValueLengthAt));
  const auto version = GetLittle<std::uint64_t>(bytes, kVersionAt);
  const Revision previous{GetLittle<std::uint64_t>(bytes, kPreviousAt)};
  const bool in_conflict = (flags & kFlagInConflict) != 0;
  const RecordType type = decoded.record.type;
  items_.clear();
  if (IsOfOneKey(type)) {
    items_.push_back({.type = type,
                      .key = key,
                      .value = value,
                      .version = static_cast<std::uint32_t>(version),
                      .in_conflict = in_conflict,
                      .lifetime = lifetime,
                      .previous = previous});
    decoded.record.items = items_;
    return CheckItem(items_.front(), version, flags);
  }
  if (version != 0 || previous.value != 0 || in_conflict || LifetimeBytes(flags) > 0) {
    return Damaged("a key's version where there is no key");
  }
  if (!key.empty() && type != RecordType::kCreateDatabase) {
    return Damaged("a key where there is none");
  }
  if (type == RecordType::kBatch) {
    auto list = ItemList(value);
    decoded.record.items = items_;
    return list;
  }
  if (type == RecordType::kCreateDatabase) {
    return ReadSpec(decoded.record.spec, key, value);
  }
  if (type == RecordType::kConfig) {
    decoded.record.members = value;
    return {};
  }
  return value.empty() ? Result<void>() : Damaged("a value where there is none");
}

Result<void> RecordDecoder::ItemList(std::string_view list) {
  if (list.empty()) {
    return Damaged("item list: no item");
  }
  while (!list.empty()) {
    if (list.size() < kItemHeaderBytes) {
      return DamagedItem(items_.size() + 1, "it ends too early");
    }
    const auto type = GetLittle<std::uint8_t>(list, 0);
    const auto flags = GetLittle<std::uint8_t>(list, kItemFlagsAt);
    const std::size_t key_bytes = GetLittle<std::uint16_t>(list, kItemKeyLengthAt);
    const std::size_t value_bytes = GetLittle<std::uint32_t>(list, kItemValueLengthAt);
    const auto version = GetLittle<std::uint64_t>(list, kItemVersionAt);
    if (!IsKnownType(type) || !IsOfOneKey(RecordType{type})) {
      return DamagedItem(items_.size() + 1,
                         "type " + Number(type) + " is not known to this version");
    }
    if ((flags & ~kItemFlagsKnown) != 0) {
      return DamagedItem(items_.size() + 1,
                         "flags " + Number(flags) + " are not known to this version");
    }
    const std::size_t fixed = kItemHeaderBytes + LifetimeBytes(flags);
    if (list.size() < fixed + key_bytes + value_bytes) {
      return DamagedItem(items_.size() + 1, "it ends too early");
    }
    items_.push_back({.type = RecordType{type},
                      .key = list.substr(fixed, key_bytes),
                      .value = list.substr(fixed + key_bytes, value_bytes),
                      .version = static_cast<std::uint32_t>(version),
                      .in_conflict = (flags & kFlagInConflict) != 0,
                      .lifetime = ReadLifetime(list.substr(kItemHeaderBytes), flags),
                      .previous = {GetLittle<std::uint64_t>(list, kItemPreviousAt)}});
    const auto item = CheckItem(items_.back(), version, flags);
    if (!item) {
      return DamagedItem(items_.size(), item.error().detail);
    }
    list.remove_prefix(fixed + key_bytes + value_bytes);
  }
  return {};
}

}  // namespace nunc
