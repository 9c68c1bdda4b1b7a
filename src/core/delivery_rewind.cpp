// Records that are taken back, as watchers hear of it: who was told of them is told what is there
// instead.
#include <algorithm>

#include "base/planted.h"
#include "core/delivery.h"

namespace nunc {

std::string Delivery::RewoundTo(Revision shared, const Database& database) const {
  return "rewound " + FormatToken(history_.At(shared, database.id()));
}

void Delivery::BeginRewind(Session& session, Revision shared) const {
  for (const Session::DatabaseWatches& watching : session.watches) {
    const bool waits = WaitsForLog(watching.database->level());
    const Revision shown = waits ? std::min(durable_, newest_) : newest_;
    std::optional<Revision>& rewound = watching.watches->rewound;
    if (std::max(shown, watching.watches->awaits) > shared) {
      rewound = std::min(rewound.value_or(shared), shared);
    }
  }
}

void Delivery::Rewind(Revision shared, std::span<Undo::Cut> cuts) {
  for (Undo::Cut& cut : cuts) {
    cut.shown = NeededFor(*cut.database, cut.key, cut.first) <= durable_;
    if (Planted(Bug::kRewindUntold)) {
      continue;
    }
    for (const std::string_view key : {std::string_view(cut.key), kConflictsKey}) {
      if (key == kConflictsKey && !ParseConflictKey(cut.key)) {
        continue;
      }
      const WatchedKey* watched = cut.database->watches().Find(key, cut.database->Hash(key));
      for (std::size_t i = 0; watched != nullptr && i < watched->watchers().size(); ++i) {
        WatchingSession& to = *watched->watchers()[i].session;
        if (cut.shown || to.awaits > shared) {
          to.MarkDirty(watched->watchers()[i].interest);
        }
      }
    }
  }
  for (BeginLater& later : begin_later_) {
    later.begin.judged = {.worth = History::Worth::kRewound, .shared = shared};
  }
  history_.Cut(shared);
  newest_ = shared;
  SetDurable(std::min(durable_, shared));
}

void Delivery::TellRewind(Session& session, std::span<const Undo::Cut> cuts, Output& output) {
  for (const Session::DatabaseWatches& watching : session.watches) {
    WatchingSession& to = *watching.watches;
    to.token_at = std::min(to.token_at, newest_);
    to.awaits = std::min(to.awaits, newest_);
    if (to.closes_at) {
      to.closes_at = std::min(*to.closes_at, newest_);
    }
    const std::string rights = std::string(kPermissionKeyPrefix).append(to.rights_of());
    const bool other_rights = std::ranges::any_of(cuts, [&](const Undo::Cut& cut) {
      return cut.database == watching.database && cut.key == rights;
    });
    if (other_rights) {
      WithholdKeys(to);
    }
    for (const auto& [prefix, watch] : to.patterns()) {
      TellRewindTo(watch, other_rights, cuts, output);
    }
    if (!to.wants_tokens || to.size() == to.patterns().size()) {
      to.rewound.reset();  // its patterns have each been told
    } else if (to.rewound) {
      to.closes_at = ClosesAt(to);
    }
    if (session.lagging) {
      continue;
    }
    for (WatchingSession::Dirty dirty = to.TakeDirty(); dirty.key != nullptr;
         dirty = to.TakeDirty()) {
      if (dirty.key->key() == kConflictsKey) {
        ReplayConflicts(*watching.database, to, output);
      } else {
        TellDirty(dirty, to, output);
      }
    }
    if (to.closes_at) {
      closing_is_new_ = true;
      CloseLater(watching.watches);
    }
  }
}

// Of one that is live it is known what it has been told: all. Of one that is behind, only while it
// holds exactly what there was at some revision; any other begins again.
void Delivery::TellRewindTo(const std::shared_ptr<PatternWatch>& watch, bool other_rights,
                            std::span<const Undo::Cut> cuts, Output& output) {
  const Database& database = watch->session->database();
  const CatchUp* catch_up = watch->catch_up.get();
  const bool live = catch_up == nullptr;
  const bool told = watch->session->rewound.has_value();
  if ((live && !told && !other_rights) || Planted(Bug::kRewindPatternUntold)) {
    return;
  }
  if (live && !watch->session->lagging() && !other_rights) {
    return TellCuts(*watch, cuts, output);
  }
  const bool exact = !live && catch_up->phase == CatchUp::Phase::kBehind && catch_up->exact &&
                     catch_up->from <= newest_;
  // To an admin changes are told while others of before wait.
  if (exact && !other_rights && !watch->session->admin) {
    return;
  }
  Stir(*watch);
  StartListing(*watch, RewindTo(newest_, database));
  Queue(watch);
}

void Delivery::TellCuts(PatternWatch& watch, std::span<const Undo::Cut> cuts, Output& output) {
  const WatchingSession& to = *watch.session;
  const Database& database = to.database();
  watch.Become(std::make_unique<CatchUp>());
  if (!watch.silent) {
    watch.catch_up->begins = RewoundTo(newest_, database);
  }
  TellBegins(watch, output);
  for (const Undo::Cut& cut : cuts) {
    if (cut.database != &database || !cut.shown || !watch.Matches(cut.key) ||
        !MaySee(watch, database, cut.key)) {
      continue;
    }
    const Entry* entry = database.FindAny(cut.key, database.Hash(cut.key));
    if (entry == nullptr) {
      TellOne(to, {.kind = ChangeKind::kRemoved, .key = output.Keep(cut.key), .more = true},
              output);
    } else if (NeededFor(database, cut.key, entry->revision()) <= durable_) {
      TellTo(watch, *entry, output);
    }
  }
  NoteTold(watch);
  StartClosing(watch, output);
  Queue(to.FindPattern(watch.prefix, watch.one_key));
}

}  // namespace nunc
