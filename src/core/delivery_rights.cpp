// Whose rights decide what a watch is told, and what they mean to it when they change.
#include "base/planted.h"
#include "core/delivery.h"

namespace nunc {
namespace {

// One whose listing has not begun may have to say why.
bool WillList(const PatternWatch& watch) {
  return watch.catch_up != nullptr && watch.catch_up->phase == CatchUp::Phase::kListing &&
         !watch.catch_up->begins.empty();
}

}  // namespace

bool Delivery::MaySee(PatternWatch& watch, const Database& database, std::string_view key) {
  const WatchingSession& to = *watch.session;
  if (IsSecureKey(key)) {
    return to.admin || Planted(Bug::kWatchSecureShown);
  }
  if (watch.permissions_epoch != database.permissions_epoch()) {
    watch.permissions_epoch = database.permissions_epoch();
    watch.permissions = database.PermissionsOf(to.rights_of());
  }
  if (Planted(Bug::kWatchRightsIgnored)) {
    return true;
  }
  return watch.permissions == nullptr ? to.user.empty()
                                      : watch.permissions->Allows(Permission::kRead, key);
}

// As Executor decides of a `watch`. Arbiters need no permission, whatever they are asked.
bool Delivery::MayRead(const WatchingSession& watching, std::string_view key) {
  if (IsSecureKey(key)) {
    return watching.admin;
  }
  const PermissionList* list = watching.database().PermissionsOf(watching.rights_of());
  return key == kConflictsKey ||
         (list == nullptr ? watching.user.empty() : list->Allows(Permission::kRead, key));
}

// When they were last changed.
Revision Delivery::RightsOf(const WatchingSession& watching) {
  const Database& database = watching.database();
  const std::string key = std::string(kPermissionKeyPrefix).append(watching.rights_of());
  const Entry* list = database.FindAny(key, database.Hash(key));
  return list == nullptr ? Revision{} : list->revision();
}

// As long as a key may be read, its watch costs a change nothing for that.
void Delivery::WithholdKeys(WatchingSession& watching) {
  if (Planted(Bug::kWatchKeyRightsKept)) {
    return;
  }
  for (const std::shared_ptr<PatternWatch>& watch :
       watching.database().watches().Withhold(watching, &MayRead)) {
    watch->wants_tokens = watching.wants_tokens;
    watch->silent = watching.IsSilent();
    StartListing(*watch,
                 !watching.rewound ? "rights" : RewindTo(*watching.rewound, watching.database()));
    Queue(watch);
  }
}

void Delivery::BeginAgain(WatchingSession& watching) {
  WithholdKeys(watching);
  for (const auto& [prefix, watch] : watching.patterns()) {
    watch->permissions_epoch = 0;
    if (!WillList(*watch) && !Planted(Bug::kWatchRightsKept)) {
      Stir(*watch);
      StartListing(*watch, "rights");
      Queue(watch);
    }
  }
}

void Delivery::BeginAs(const Session& session, const Database* selected) {
  for (const Session::DatabaseWatches& watching : session.watches) {
    WatchingSession& as = *watching.watches;
    const bool another = watching.database == selected && as.user != session.user;
    if (!another && as.admin == session.admin) {
      continue;
    }
    if (another) {
      as.user = session.user;
    }
    as.admin = session.admin;
    if (!Planted(Bug::kWatchOldUser)) {
      BeginAgain(as);
    }
  }
}

}  // namespace nunc
