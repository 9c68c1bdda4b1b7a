// What the clients ask for.
#include <algorithm>
#include <array>
#include <utility>

#include "core/session.h"
#include "sim/clients.h"

namespace nunc {
namespace {

constexpr std::array<std::string_view, 4> kDatabases = {"one", "two", "three", "four"};
constexpr std::array<std::string_view, 3> kUsers = {"ann", "bob", "all"};
constexpr std::string_view kToken = "token";
// As many that wait for the log as not.
constexpr std::array kLevels = {AckLevel::kWritten, AckLevel::kDisk, AckLevel::kWritten,
                                AckLevel::kQuorum};

}  // namespace

Command Script::ToCommand() const {
  return {.verb = verb,
          .name = name,
          .key = key,
          .user = user,
          .secret = secret,
          .value = value,
          .version = version,
          .ttl_ms = ttl_ms,
          .grace_ms = grace_ms,
          .amount = amount,
          .conflict = conflict,
          .strategy = strategy,
          .level = level};
}

Script Clients::First() {
  return {.verb = Verb::kAuth, .name = std::string(kUser), .secret = std::string(kPassword)};
}

std::string Clients::AnyKey() {
  // Some keys change often, and some seldom.
  const std::uint64_t range = prng_.Chance(1, 2) ? 4 : limits_.keys;
  return "k" + std::to_string(prng_.Below(range));
}

std::string Clients::AnyValue() {
  std::string value = "v" + std::to_string(++values_) + ".";
  const std::size_t bytes = prng_.Chance(1, 20)
                                ? limits_.value_bytes_max
                                : std::min<std::size_t>(60, limits_.value_bytes_max);
  value.resize(value.size() + prng_.Below(bytes), 'x');
  return value;
}

Script Clients::UseAny() {
  const auto& databases = oracle_->model().databases();
  auto chosen = databases.begin();
  std::advance(chosen, prng_.Below(databases.size()));
  const bool admin = chosen->first == 1;
  return {.verb = Verb::kUseDb,
          .name = chosen->second.name,
          .secret = std::string(admin ? kPassword : kToken)};
}

Script Clients::CreateDatabase() {
  Script script{.verb = Verb::kCreateDb,
                .name = std::string(kDatabases[prng_.Below(kDatabases.size())]),
                .secret = std::string(kToken),
                .strategy = static_cast<Strategy>(prng_.Below(3))};
  if (prng_.Chance(2, 3)) {
    script.level = kLevels[prng_.Below(kLevels.size())];
  }
  return script;
}

Script Clients::Next(std::uint32_t slot) {
  const ModelDatabase* database = Selected(sessions_[slot]);
  if (oracle_->model().databases().size() < 3) {
    return CreateDatabase();
  }
  // The admin database is no place for much.
  if (database == nullptr || (database->id.value == 1 && prng_.Chance(3, 4))) {
    return UseAny();
  }
  if (std::exchange(drops_next_, false)) {
    // The newest one: a walk comes to it last.
    return {.verb = Verb::kDropDb, .name = oracle_->model().databases().rbegin()->second.name};
  }
  const std::uint64_t dice = prng_.Below(100);
  if (dice < 50) {
    return Write(*database);
  }
  if (dice < 62) {
    return Living(slot);
  }
  if (dice < 76) {
    return Read();
  }
  if (dice < 84) {
    return Watching();
  }
  if (dice < 90) {
    return ResolveOne(*database);
  }
  return dice < 93 ? UseAny() : Administer(*database);
}

Script Clients::Write(const ModelDatabase& database) {
  const std::uint64_t dice = prng_.Below(62);
  if (dice < 28) {
    return {.verb = Verb::kSet, .key = AnyKey(), .value = AnyValue()};
  }
  if (dice < 42) {
    Script script{.verb = Verb::kSetSafe, .key = AnyKey(), .value = AnyValue()};
    const ModelEntry* entry = database.Find(script.key);
    const std::int64_t stored = entry == nullptr ? 0 : entry->version;
    script.version = std::max<std::int64_t>(0, stored + prng_.InRange(-2, 1));
    return script;
  }
  if (dice < 52) {
    return {.verb = Verb::kIncrement,
            .key = "n" + std::to_string(prng_.Below(6)),
            .amount = prng_.InRange(-3, 9)};
  }
  return {.verb = Verb::kRemove, .key = AnyKey()};
}

// Of keys that do not live for ever.
Script Clients::Living(std::uint32_t slot) {
  const std::int64_t ms = prng_.InRange(1, prng_.Chance(1, 2) ? 50 : 2'000);
  switch (prng_.Below(8)) {
    case 0:
    case 1:
      return {.verb = Verb::kPut, .key = AnyKey(), .value = AnyValue(), .ttl_ms = ms};
    case 2:
    case 3:
      return {.verb = Verb::kExpire, .key = AnyKey(), .ttl_ms = ms};
    case 4:
      return {.verb = Verb::kPersist, .key = AnyKey()};
    case 5:
      return {.verb = Verb::kTtl, .key = AnyKey()};
    case 6: {
      SessionName former = SessionNameOf(slot);
      former.high -= std::min(former.high / 256 - 1, prng_.Below(3)) * 256;
      return {.verb = Verb::kHello, .secret = FormatSessionName(former)};
    }
    default:
      return {.verb = Verb::kSetSession,
              .key = AnyKey(),
              .value = AnyValue(),
              .grace_ms = prng_.Chance(1, 3) ? 0 : ms};
  }
}

Script Clients::Read() {
  const std::uint64_t dice = prng_.Below(14);
  if (dice < 7) {
    return {.verb = Verb::kGet, .key = AnyKey()};
  }
  if (dice < 12) {
    return {.verb = Verb::kGetSafe, .key = AnyKey()};
  }
  return {.verb = Verb::kKeys, .key = dice == 12 ? "k1*" : ""};
}

Script Clients::Watching() {
  const std::uint64_t dice = prng_.Below(12);
  if (dice < 8) {
    return {.verb = Verb::kWatch, .key = AnyKey()};
  }
  if (dice < 9) {
    return {.verb = Verb::kWatch, .key = "$$user_ann"};
  }
  if (dice < 10) {
    return {.verb = Verb::kUnwatch, .key = AnyKey()};
  }
  return {.verb = dice == 10 ? Verb::kArbiter : Verb::kPing};
}

// An open conflict of the selected database, not always the one that may be decided.
Script Clients::ResolveOne(const ModelDatabase& database) {
  std::vector<ConflictName> open;
  for (auto entry = database.entries.lower_bound(kConflictKeyPrefix);
       entry != database.entries.end() && entry->first.starts_with(kConflictKeyPrefix); ++entry) {
    const auto name = ParseConflictKey(entry->first);
    if (name && !entry->second.removed && !entry->second.value.starts_with(kDecidedPrefix)) {
      open.push_back(*name);
    }
  }
  if (open.empty()) {
    return prng_.Chance(1, 3) && database.strategy == Strategy::kArbiter
               ? Script{.verb = Verb::kArbiter}
               : Write(database);
  }
  const ConflictName& chosen = open[prng_.Below(open.size())];
  return {.verb = Verb::kResolve,
          .name = database.name,
          .key = std::string(chosen.key),
          .value = AnyValue(),
          .version = prng_.InRange(0, 20),
          .conflict = chosen.id};
}

Script Clients::AnyRights() {
  static constexpr std::array<std::string_view, 4> kLists = {"rw k*", "r *", "rwix n*|r k1",
                                                             "i n2"};
  return {.verb = Verb::kSetPermissions,
          .name = std::string(kUsers[prng_.Below(kUsers.size())]),
          .value = std::string(kLists[prng_.Below(kLists.size())])};
}

Script Clients::OplogCommand() {
  const std::uint64_t newest = oracle_->newest().value;
  switch (prng_.Below(5)) {
    case 0:
      return {.verb = Verb::kOplog, .name = "info"};
    case 1:
      return {.verb = Verb::kOplog,
              .name = "since",
              .value = std::to_string(newest - prng_.Below(std::min<std::uint64_t>(newest, 50)))};
    case 2:
      return {.verb = Verb::kOplog, .name = "since", .value = "1 * k* 20"};
    case 3:
      return {.verb = Verb::kOplog, .name = "clean", .value = "before " + std::to_string(newest)};
    default:
      return {.verb = Verb::kOplog, .name = "clean", .value = "keep 20KiB"};
  }
}

Script Clients::Administer(const ModelDatabase& database) {
  const std::uint64_t dice = prng_.Below(16);
  if (dice < 2) {
    return {.verb = Verb::kCreateUser,
            .name = std::string(kUsers[prng_.Below(kUsers.size())]),
            .secret = AnyValue()};
  }
  if (dice < 5) {
    return AnyRights();
  }
  if (dice < 6) {
    return {.verb = Verb::kRemove, .key = "$$user_ann"};
  }
  if (dice < 9) {
    return OplogCommand();
  }
  if (dice < 11) {
    drops_next_ = prng_.Chance(1, 3);
    return {.verb = Verb::kSnapshot};
  }
  if (dice < 13) {
    return {.verb = Verb::kDropDb,
            .name = prng_.Chance(1, 2) ? database.name
                                       : std::string(kDatabases[prng_.Below(kDatabases.size())])};
  }
  return CreateDatabase();
}

}  // namespace nunc
