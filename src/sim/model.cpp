#include "sim/model.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/conflicts.h"
#include "core/permissions.h"

namespace nunc {
namespace {

constexpr std::string_view kListedValue = "{}";

// Keys that follow from what happens and are in no record.
bool IsLive(const Database& database, std::string_view key) {
  return key == kConnectionsKey ||
         (database.name() == kAdminDatabase && (key == kTokenKey || key == kAdminDatabase));
}

std::string Show(std::string_view value) {
  constexpr std::size_t kShown = 40;
  return value.size() <= kShown
             ? std::string(value)
             : std::string(value.substr(0, kShown)) + "... of " + std::to_string(value.size());
}

std::string Show(const ModelEntry& entry) {
  return "\"" + Show(entry.value) + "\" version " + std::to_string(entry.version) + " revision " +
         std::to_string(entry.revision.value) + (entry.in_conflict ? " in conflict" : "") +
         (entry.lifetime.expires_us == 0 ? ""
                                         : " until " + std::to_string(entry.lifetime.expires_us)) +
         (entry.lifetime.owner == 0 ? ""
                                    : " with " + std::to_string(entry.lifetime.owner) + " and " +
                                          std::to_string(entry.lifetime.grace_us));
}

std::string Show(const Database& database, const Entry& entry) {
  return Show(ModelEntry{.value = std::string(entry.value()),
                         .version = entry.version(),
                         .in_conflict = entry.in_conflict(),
                         .lifetime = database.LifetimeOf(entry),
                         .revision = entry.revision()});
}

bool IsSame(const Database& database, const Entry& entry, std::string_view key,
            const ModelEntry& model) {
  return entry.key() == key && entry.value() == model.value && entry.version() == model.version &&
         entry.in_conflict() == model.in_conflict && entry.revision() == model.revision &&
         database.LifetimeOf(entry) == model.lifetime;
}

using Difference = std::optional<std::string>;

Difference LiveKeys(const Database& database, const ModelDatabase& model) {
  auto expected = model.entries.begin();
  const auto skip = [&] {
    while (expected != model.entries.end() && expected->second.removed) {
      ++expected;
    }
  };
  for (KeyOrder::Cursor cursor = database.Seek(""); !cursor.at_end(); cursor.Advance()) {
    const Entry& entry = *cursor.entry();
    if (IsLive(database, entry.key())) {
      continue;
    }
    skip();
    if (expected == model.entries.end() || entry.key() < expected->first) {
      return "has the key " + std::string(entry.key()) + " = " + Show(database, entry) +
             ", which should not be there";
    }
    if (!IsSame(database, entry, expected->first, expected->second)) {
      return entry.key() == expected->first
                 ? "has the key " + expected->first + " = " + Show(database, entry) + " where " +
                       Show(expected->second) + " should stand"
                 : "lacks the key " + expected->first + " = " + Show(expected->second);
    }
    if (database.Find(entry.key()) != &entry) {
      return "does not find its own key " + std::string(entry.key());
    }
    ++expected;
  }
  skip();
  return expected == model.entries.end()
             ? Difference()
             : "lacks the key " + expected->first + " = " + Show(expected->second);
}

Difference Tombstones(const Database& database, const ModelDatabase& model) {
  std::size_t count = 0;
  for (const auto& [key, entry] : model.entries) {
    if (!entry.removed) {
      continue;
    }
    const Entry* found = database.FindAny(key, database.Hash(key));
    if (found == nullptr && database.horizon() >= entry.revision) {
      continue;
    }
    // A load may drop a tombstone earlier than the node did, before the key is removed once more.
    if (found == nullptr || !found->is_tombstone() || found->revision() < entry.revision ||
        found->revision() > std::max(entry.revision, entry.removed_again)) {
      return "has no tombstone of " + key + " at revision " + std::to_string(entry.revision.value);
    }
    ++count;
  }
  return count == database.tombstones() ? Difference()
                                        : "has " + std::to_string(database.tombstones()) +
                                              " tombstones, not " + std::to_string(count);
}

Difference RevisionsInOrder(const Database& database) {
  Revision before{};
  for (const Entry* entry = database.revision_order().oldest(); entry != nullptr;
       entry = RevisionOrder::After(entry)) {
    if (entry->revision() < before) {
      return "does not have its keys in the order of revisions: " + std::string(entry->key());
    }
    before = entry->revision();
  }
  return std::nullopt;
}

Difference OpenConflicts(Database& database, const ModelDatabase& model) {
  std::vector<std::string> open;
  for (const auto& [key, entry] : model.entries) {
    const auto name = ParseConflictKey(key);
    if (!entry.removed && name && !entry.value.starts_with(kDecidedPrefix) &&
        model.Find(name->key) != nullptr) {
      open.push_back(key);
    }
  }
  return database.conflicts().OpenConflictKeys() == open
             ? Difference()
             : "has " + std::to_string(database.conflicts().OpenConflictKeys().size()) +
                   " open conflicts, not " + std::to_string(open.size()) + ", or others";
}

Difference Rights(const Database& database, const ModelDatabase& model) {
  static constexpr std::string_view kProbes[] = {"k1", "n2", "other"};
  for (const auto& [key, entry] : model.entries) {
    if (!key.starts_with(kPermissionKeyPrefix)) {
      continue;
    }
    const std::string_view user = std::string_view(key).substr(kPermissionKeyPrefix.size());
    const PermissionList* list = database.PermissionsOf(user);
    if ((list == nullptr) != entry.removed) {
      return "has rights of " + std::string(user) + " where none should be, or none";
    }
    const PermissionList expected = PermissionList::ParseLenient(entry.value);
    for (const std::string_view probe : kProbes) {
      for (const Permission right : {Permission::kRead, Permission::kWrite}) {
        if (list != nullptr && list->Allows(right, probe) != expected.Allows(right, probe)) {
          return "has other rights of " + std::string(user);
        }
      }
    }
  }
  return std::nullopt;
}

Difference Compare(Database& database, const ModelDatabase& model) {
  if (database.id() != model.id || database.strategy() != model.strategy ||
      database.conflicts().arbiter_seen() != model.arbiter_seen) {
    return "has another id or strategy, or has not seen its arbiter";
  }
  // The level of `$admin` is in no record.
  if (model.id != kAdminDatabaseId && database.level() != model.level) {
    return "has another level";
  }
  for (const Difference& difference :
       {LiveKeys(database, model), Tombstones(database, model), RevisionsInOrder(database),
        OpenConflicts(database, model), Rights(database, model)}) {
    if (difference) {
      return difference;
    }
  }
  return std::nullopt;
}

}  // namespace

const ModelEntry* ModelDatabase::Find(std::string_view key) const {
  const auto found = entries.find(key);
  return found == entries.end() || found->second.removed ? nullptr : &found->second;
}

bool ModelDatabase::IsGated(std::string_view key) const {
  return WaitsForLog(level) || id == kAdminDatabaseId || IsSecureKey(key);
}

Model::Model() {
  databases_[kAdminDatabaseId.value] = {.id = kAdminDatabaseId,
                                        .name = std::string(kAdminDatabase),
                                        .strategy = Strategy::kNewer,
                                        .entries = {}};
}

const ModelDatabase* Model::Find(std::string_view name) const {
  const auto found = std::ranges::find_if(
      databases_, [name](const auto& numbered) { return numbered.second.name == name; });
  return found == databases_.end() ? nullptr : &found->second;
}

const ModelDatabase* Model::Find(DatabaseId id) const {
  const auto found = databases_.find(id.value);
  return found == databases_.end() ? nullptr : &found->second;
}

bool Model::IsGated(const Record& record) const {
  if (record.type == RecordType::kCreateDatabase || record.type == RecordType::kDropDatabase) {
    return true;
  }
  const ModelDatabase* database = Find(record.database);
  if (database == nullptr) {
    return false;
  }
  return WaitsForLog(database->level) ||
         std::ranges::any_of(record.items,
                             [&](const RecordItem& item) { return database->IsGated(item.key); });
}

void Model::Create(const Record& record) {
  databases_[record.database.value] = {
      .id = record.database,
      .name = std::string(record.spec.name),
      .strategy = record.spec.strategy,
      .level = record.spec.level,
      .newest = record.revision,
      .secure = record.revision,
      .entries = {{std::string(kTokenKey),
                   {.value = std::string(record.spec.token), .revision = record.revision}}}};
  ModelDatabase& admin = databases_[kAdminDatabaseId.value];
  ModelEntry& listed = admin.entries[std::string(record.spec.name)];
  listed = {.value = std::string(kListedValue),
            .version = listed.removed ? 0 : listed.version,
            .revision = record.revision};
  admin.newest = record.revision;
}

Result<void> Model::Apply(const Record& record) {
  if (record.type == RecordType::kNoop || record.type == RecordType::kConfig) {
    return {};
  }
  const auto database = databases_.find(record.database.value);
  const bool creates = record.type == RecordType::kCreateDatabase;
  if ((database == databases_.end()) != creates) {
    return Fail(Fault::kDamaged, "revision " + std::to_string(record.revision.value) +
                                     " does not fit the databases there are");
  }
  switch (record.type) {
    case RecordType::kCreateDatabase:
      Create(record);
      return {};
    case RecordType::kDropDatabase: {
      ModelDatabase& admin = databases_[kAdminDatabaseId.value];
      if (const auto listed = admin.entries.find(database->second.name);
          listed != admin.entries.end() && !listed->second.removed) {
        listed->second = {.removed = true, .revision = record.revision};
        admin.newest = record.revision;
      }
      databases_.erase(database);
      return {};
    }
    case RecordType::kArbiter:
      database->second.arbiter_seen = true;
      return {};
    default:
      break;
  }
  for (const RecordItem& item : record.items) {
    ApplyItem(database->second, item, record.revision);
  }
  return {};
}

void Model::ApplyItem(ModelDatabase& database, const RecordItem& item, Revision revision) {
  const bool there = database.Find(item.key) != nullptr;
  if (item.type != RecordType::kSet && !there) {
    if (const auto gone = database.entries.find(item.key);
        gone != database.entries.end() && item.type == RecordType::kRemove) {
      gone->second.removed_again = revision;
    }
    return;  // who removes what is not there is told so, and nothing changes
  }
  ModelEntry& entry = database.entries[std::string(item.key)];
  switch (item.type) {
    case RecordType::kSet:
      entry = {.value = std::string(item.value),
               .version = item.version,
               .in_conflict = item.in_conflict,
               .lifetime = item.lifetime,
               .revision = revision};
      break;
    case RecordType::kRemove:
      entry = {.removed = true, .revision = revision};
      break;
    case RecordType::kExpire:
      entry.lifetime = item.lifetime;
      entry.lived = revision;
      return;  // nothing that a listing shows has changed
    default:   // a mark: the value and its revision stay
      entry.in_conflict = true;
      break;
  }
  database.newest = revision;
  if (IsSecureKey(item.key)) {
    database.secure = revision;
  }
}

std::optional<std::string> Model::Difference(const Store& store) const {
  for (const auto& [id, model] : databases_) {
    Database* database = store.Find(model.name);
    if (database == nullptr) {
      return "the store lacks the database " + model.name;
    }
    if (const auto difference = Compare(*database, model)) {
      return "database " + model.name + " " + *difference;
    }
  }
  return store.databases().size() == databases_.size()
             ? std::optional<std::string>()
             : "the store has " + std::to_string(store.databases().size()) + " databases, not " +
                   std::to_string(databases_.size());
}

}  // namespace nunc
