#include "storage/snapshot_items.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/byte_fields.h"
#include "base/check.h"
#include "base/limits.h"

namespace nunc {
namespace {

using byte_fields::Append;
using byte_fields::Cursor;
using byte_fields::Load;
using byte_fields::Store;

enum class ItemTag : std::uint8_t { kDatabase = 1, kContinued = 2, kEntry = 3, kRetries = 4 };

// {tag u8, strategy u8, level u8, flags u8, id u32, horizon u64, name length u16}, name
constexpr std::size_t kDatabaseBytes = 18;
constexpr std::uint8_t kArbiterSeen = 1;

// {tag u8, flags u8, key length u16, value length u32, version u32, revision u64},
// of a removed one {removed at i64}, {expires i64}, {owner u64, grace i64}, key, value
constexpr std::size_t kEntryBytes = 20;
constexpr std::size_t kRemovedAtBytes = 8;
constexpr std::size_t kExpiresBytes = 8;
constexpr std::size_t kOwnerBytes = 16;
constexpr std::uint8_t kRemoved = 1;
constexpr std::uint8_t kInConflict = 2;
constexpr std::uint8_t kExpires = 4;
constexpr std::uint8_t kOwned = 8;

// Of what stands there with some flags only.
constexpr std::size_t OptionalBytes(unsigned flags) {
  return ((flags & kRemoved) != 0 ? kRemovedAtBytes : 0) +
         ((flags & kExpires) != 0 ? kExpiresBytes : 0) + ((flags & kOwned) != 0 ? kOwnerBytes : 0);
}

static_assert(kKeyBytesMax <= std::numeric_limits<std::uint16_t>::max());
static_assert(kBlockItemBytesMax <= std::numeric_limits<std::uint32_t>::max());

tl::unexpected<Error> Damaged(std::string detail) {
  return Fail(Fault::kDamaged, std::move(detail));
}

Result<void> TakeDatabase(std::string_view& left, SnapshotVisitor& visitor) {
  if (left.size() < kDatabaseBytes) return Damaged("a database reaches beyond its block");
  const char* const at = left.data();
  const auto strategy = Load<std::uint8_t>(at + 1);
  const auto level = Load<std::uint8_t>(at + 2);
  const auto flags = Load<std::uint8_t>(at + 3);
  const std::size_t name_bytes = Load<std::uint16_t>(at + 16);
  if (left.size() - kDatabaseBytes < name_bytes) {
    return Damaged("a database reaches beyond its block");
  }
  const DatabaseState database{
      .id = {Load<std::uint32_t>(at + 4)},
      .name = left.substr(kDatabaseBytes, name_bytes),
      .strategy = Strategy{strategy},
      .level = AckLevel{level},
      .arbiter_seen = flags == kArbiterSeen,
      .horizon = {Load<std::uint64_t>(at + 8)},
  };
  if (strategy > std::to_underlying(Strategy::kArbiter) ||
      level > std::to_underlying(AckLevel::kQuorum) || flags > kArbiterSeen) {
    return Damaged("a database has an unknown property");
  }
  if (database.id.value == 0 || name_bytes == 0 || name_bytes > kNameBytesMax) {
    return Damaged("a database has an impossible id or name");
  }
  const bool begins = ItemTag{Load<std::uint8_t>(at)} == ItemTag::kDatabase;
  left.remove_prefix(kDatabaseBytes + name_bytes);
  return begins ? visitor.OnDatabase(database) : visitor.OnContinued(database);
}

// Goes over the entries of a block ahead of who takes them; what cannot be one ends it.
class EntriesAhead {
 public:
  EntriesAhead(std::string_view raw, SnapshotVisitor& visitor) : left_(raw), visitor_(visitor) {}

  // Stays kItems before what is at `taken`.
  void Follow() {
    for (const std::size_t upto = ++taken_ + kItems; announced_ < upto && !left_.empty();
         ++announced_) {
      AnnounceOne();
    }
  }

 private:
  static constexpr std::size_t kItems = 8;

  void AnnounceOne() {
    std::size_t bytes = 0;
    const ItemTag tag{Load<std::uint8_t>(left_.data())};
    if (tag == ItemTag::kEntry) {
      bytes = AnnounceEntry();
    } else if (tag != ItemTag::kRetries && left_.size() >= kDatabaseBytes) {
      bytes = kDatabaseBytes + Load<std::uint16_t>(left_.data() + 16);
    }
    left_ = bytes == 0 || bytes > left_.size() ? std::string_view{} : left_.substr(bytes);
  }

  std::size_t AnnounceEntry() {
    if (left_.size() < kEntryBytes) return 0;
    const std::size_t key_at = kEntryBytes + OptionalBytes(Load<std::uint8_t>(left_.data() + 1));
    const std::size_t key_bytes = Load<std::uint16_t>(left_.data() + 2);
    const std::size_t bytes = key_at + key_bytes + Load<std::uint32_t>(left_.data() + 4);
    if (bytes > left_.size()) return 0;
    visitor_.OnSoon(left_.substr(key_at, key_bytes));
    return bytes;
  }

  std::string_view left_;
  SnapshotVisitor& visitor_;
  std::size_t taken_ = 0;
  std::size_t announced_ = 0;
};

// None: it cannot be one.
std::optional<Lifetime> LoadLifetime(const char* at, unsigned flags) {
  Lifetime lifetime;
  bool good = true;
  if ((flags & kExpires) != 0) {
    lifetime.expires_us = Load<std::int64_t>(at);
    good = lifetime.expires_us > 0 && lifetime.expires_us <= kExpiresUsMax;
    at += kExpiresBytes;
  }
  if ((flags & kOwned) != 0) {
    lifetime.owner = Load<std::uint64_t>(at);
    lifetime.grace_us = Load<std::int64_t>(at + 8);
    good =
        good && lifetime.owner != 0 && lifetime.grace_us >= 0 && lifetime.grace_us <= kExpiresUsMax;
  }
  return good ? std::optional(lifetime) : std::nullopt;
}

Result<void> TakeEntry(std::string_view& left, SnapshotVisitor& visitor) {
  if (left.size() < kEntryBytes) return Damaged("an entry reaches beyond its block");
  const char* const at = left.data();
  const auto flags = Load<std::uint8_t>(at + 1);
  const std::size_t key_bytes = Load<std::uint16_t>(at + 2);
  const std::size_t value_bytes = Load<std::uint32_t>(at + 4);
  const bool removed = (flags & kRemoved) != 0;
  const std::size_t fixed_bytes = kEntryBytes + OptionalBytes(flags);
  if (left.size() < fixed_bytes + key_bytes + value_bytes) {
    return Damaged("an entry reaches beyond its block");
  }
  if ((flags & ~(kRemoved | kInConflict | kExpires | kOwned)) != 0 ||
      (removed && (value_bytes != 0 || (flags & (kExpires | kOwned)) != 0))) {
    return Damaged("an entry has an unknown property");
  }
  const std::optional<Lifetime> lifetime =
      LoadLifetime(at + kEntryBytes + (removed ? kRemovedAtBytes : 0), flags);
  if (!lifetime) {
    return Damaged("an entry has a lifetime that cannot be one");
  }
  const EntryState entry{
      .key = left.substr(fixed_bytes, key_bytes),
      .value = left.substr(fixed_bytes + key_bytes, value_bytes),
      .version = Load<std::uint32_t>(at + 8),
      .removed = removed,
      .in_conflict = (flags & kInConflict) != 0,
      .lifetime = *lifetime,
      .revision = {Load<std::uint64_t>(at + 12)},
      .removed_at_us = removed ? Load<std::int64_t>(at + kEntryBytes) : 0,
  };
  left.remove_prefix(fixed_bytes + key_bytes + value_bytes);
  return visitor.OnEntry(entry);
}

// {tag u8, results u8, 0 u16, session u64, floor u64, newest u64, time i64}, then the results

// {sequence u64, revision u64, request u32, flags u8, 0 u8, versions u16, number i64}, versions i64
constexpr std::uint8_t kWaitsForArbiter = 1;

bool TakeResult(Cursor& cursor, RetryResult& result) {
  std::uint8_t flags = 0;
  std::uint8_t zero = 0;
  std::uint16_t versions = 0;
  if (!cursor.Take(result.sequence) || !cursor.Take(result.revision.value) ||
      !cursor.Take(result.request) || !cursor.Take(flags) || !cursor.Take(zero) ||
      !cursor.Take(versions) || !cursor.Take(result.number) || flags > kWaitsForArbiter ||
      zero != 0 || versions == 0 || versions > kTransactionWritesMax) {
    return false;
  }
  result.in_conflict = flags != 0;
  result.versions.resize(versions);
  return std::ranges::all_of(result.versions, [&](std::int64_t& version) {
    return cursor.Take(version) && version >= -1 &&
           version <= std::numeric_limits<std::uint32_t>::max();
  });
}

constexpr std::int64_t kTimeUsMax = std::int64_t{1} << 60U;

// What TakeRetries has read could be in the table.
bool IsGood(const RetryState& retries) {
  std::uint64_t before = retries.floor;
  for (const RetryResult& result : retries.results) {
    if (result.sequence <= before || result.revision > retries.newest) {
      return false;
    }
    before = result.sequence;
  }
  return retries.session != 0 && before > 0 && retries.time_us >= 0 &&
         retries.time_us <= kTimeUsMax;
}

Result<void> TakeRetries(std::string_view& left, SnapshotVisitor& visitor) {
  Cursor cursor(left);
  std::uint8_t tag = 0;
  std::uint8_t results = 0;
  std::uint16_t zero = 0;
  RetryState retries;
  bool whole = cursor.Take(tag) && cursor.Take(results) && cursor.Take(zero) &&
               cursor.Take(retries.session) && cursor.Take(retries.floor) &&
               cursor.Take(retries.newest.value) && cursor.Take(retries.time_us) && zero == 0 &&
               results <= kRetriesPerSessionMax;
  for (std::uint8_t i = 0; whole && i < results; ++i) {
    whole = TakeResult(cursor, retries.results.emplace_back());
  }
  if (!whole || !IsGood(retries)) {
    return Damaged("a session's results reach beyond their block, or cannot be any");
  }
  left.remove_prefix(left.size() - cursor.left());
  return visitor.OnRetries(retries);
}

}  // namespace

Result<void> SnapshotVisitor::OnRetries(const RetryState& /*retries*/) {
  return {};
}

Result<void> SnapshotVisitor::OnContinued(const DatabaseState& /*database*/) {
  return {};
}

void SnapshotVisitor::OnSoon(std::string_view /*key*/) {}

Result<void> SnapshotVisitor::OnRecords(std::string_view /*records*/) {
  return {};
}

BlockBuilder::BlockBuilder(std::size_t target_bytes) : target_bytes_(target_bytes) {
  CHECK(target_bytes <= kBlockTargetBytes);
}

void BlockBuilder::Begin(const DatabaseState& database) {
  CHECK(!full());
  CHECK(!database.name.empty() && database.name.size() <= kNameBytesMax);
  continued_.clear();
  Append(continued_, std::to_underlying(ItemTag::kDatabase));
  Append(continued_, std::to_underlying(database.strategy));
  Append(continued_, std::to_underlying(database.level));
  Append(continued_, database.arbiter_seen ? kArbiterSeen : std::uint8_t{0});
  Append(continued_, database.id.value);
  Append(continued_, database.horizon.value);
  Append(continued_, static_cast<std::uint16_t>(database.name.size()));
  continued_ += database.name;
  raw_ += continued_;
  continued_.front() = static_cast<char>(ItemTag::kContinued);
  ++databases_;
}

void BlockBuilder::Add(const EntryState& entry) {
  CHECK(entry.key.size() <= std::numeric_limits<std::uint16_t>::max());
  CHECK(entry.key.size() + entry.value.size() <= kBlockItemBytesMax - kKeyBytesMax);
  Continue();
  std::array<char, kEntryBytes + OptionalBytes(kRemoved | kExpires | kOwned)> fixed;
  const unsigned flags = (entry.removed ? kRemoved : 0U) | (entry.in_conflict ? kInConflict : 0U) |
                         (entry.lifetime.expires_us != 0 ? kExpires : 0U) |
                         (entry.lifetime.owner != 0 ? kOwned : 0U);
  char* const at = fixed.data();
  Store(at, std::to_underlying(ItemTag::kEntry));
  Store(at + 1, static_cast<std::uint8_t>(flags));
  Store(at + 2, static_cast<std::uint16_t>(entry.key.size()));
  Store(at + 4, static_cast<std::uint32_t>(entry.removed ? 0 : entry.value.size()));
  Store(at + 8, entry.version);
  Store(at + 12, entry.revision.value);
  char* optional = at + kEntryBytes;
  if (entry.removed) {
    Store(optional, entry.removed_at_us);
    optional += kRemovedAtBytes;
  }
  if ((flags & kExpires) != 0) {
    Store(optional, entry.lifetime.expires_us);
    optional += kExpiresBytes;
  }
  if ((flags & kOwned) != 0) {
    Store(optional, entry.lifetime.owner);
    Store(optional + 8, entry.lifetime.grace_us);
  }
  raw_.append(at, kEntryBytes + OptionalBytes(flags));
  raw_ += entry.key;
  if (!entry.removed) raw_ += entry.value;
  ++entries_;
}

// Each block begins with its database.
void BlockBuilder::Continue() {
  CHECK(!continued_.empty() && !full());
  if (raw_.empty()) raw_ = continued_;
}

void BlockBuilder::Add(const RetryState& retries) {
  Continue();
  CHECK(retries.results.size() <= kRetriesPerSessionMax);
  Append(raw_, std::to_underlying(ItemTag::kRetries));
  Append(raw_, static_cast<std::uint8_t>(retries.results.size()));
  Append(raw_, std::uint16_t{0});
  Append(raw_, retries.session);
  Append(raw_, retries.floor);
  Append(raw_, retries.newest.value);
  Append(raw_, retries.time_us);
  for (const RetryResult& result : retries.results) {
    Append(raw_, result.sequence);
    Append(raw_, result.revision.value);
    Append(raw_, result.request);
    Append(raw_, result.in_conflict ? kWaitsForArbiter : std::uint8_t{0});
    Append(raw_, std::uint8_t{0});
    Append(raw_, static_cast<std::uint16_t>(result.versions.size()));
    Append(raw_, result.number);
    for (const std::int64_t version : result.versions) {
      Append(raw_, version);
    }
  }
}

std::string BlockBuilder::Take() {
  std::string taken = std::move(raw_);
  raw_ = std::move(spare_);
  spare_ = {};
  raw_.clear();
  return taken;
}

void BlockBuilder::Reuse(std::string&& buffer) {
  // A block of one huge value is not worth keeping.
  if (buffer.capacity() <= 2 * target_bytes_) spare_ = std::move(buffer);
}

Result<void> ForEachItem(std::string_view raw, SnapshotVisitor& visitor) {
  bool in_database = false;
  EntriesAhead ahead(raw, visitor);
  while (!raw.empty()) {
    ahead.Follow();
    Result<void> taken;
    switch (ItemTag{Load<std::uint8_t>(raw.data())}) {
      case ItemTag::kDatabase:
      case ItemTag::kContinued:
        taken = TakeDatabase(raw, visitor);
        in_database = true;
        break;
      case ItemTag::kEntry:
        if (!in_database) return Damaged("an entry is in no database");
        taken = TakeEntry(raw, visitor);
        break;
      case ItemTag::kRetries:
        if (!in_database) return Damaged("a session's results are in no database");
        taken = TakeRetries(raw, visitor);
        break;
      default:
        return Damaged("an item is of unknown kind");
    }
    if (!taken) return taken;
  }
  return {};
}

}  // namespace nunc
