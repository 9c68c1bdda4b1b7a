// Holds what a watcher was told against what happened: the names of the watch contract.
//
// Shape:   a WatchView is fed every event of one watch, over all its connections, and answers with
//          what is broken, by the name of the contract; empty: fine.
//            filter       only what is watched, and only what its user may read now
//            ordered      what is told live comes in the order of revisions
//            unique       no change of a key twice
//            atomic       at each `ready` the client holds what was there at that revision
//            reliable     nothing is left out of what is told live, nor at the end; of a watch of
//                         all changes nothing between two `ready`, unless a gap says so
//            rate         one with an interval is told of a key once in it, after what it begins
//            with resumable    also over a new connection with the token of the last `ready`
//            bookmarkable the tokens never go back
// Owner:   tests and the simulator.
// Source:  docs/delivery.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/ids.h"
#include "core/output.h"
#include "core/watch_history.h"
#include "core/watch_policy.h"

namespace nunc {

class WatchView {
 public:
  // `PREFIX*`, or one key. Overlaps: other watches of its sessions tell of some of its keys, too.
  WatchView(const WatchHistory& history, std::string_view pattern, Reader reader, bool overlaps,
            WatchPolicy policy = WatchPolicy::kLatest, std::int64_t interval_us = 0)
      : history_(history),
        pattern_(pattern),
        keys_(pattern),
        reader_(std::move(reader)),
        overlaps_(overlaps),
        policy_(policy),
        interval_us_(interval_us) {}

  // It is watching, and the event is about it.
  [[nodiscard]] bool Wants(const Change& change) const;
  [[nodiscard]] std::string OnEvent(const Change& change);
  // Another watch goes on from token(): what was told since is not known to have arrived.
  void Resume();
  // The same from any other token, which stands for what there was at that revision.
  void ResumeFrom(std::string_view token, Revision revision);
  // It is told what comes behind that revision, and no more: a watch without a token.
  void BeginBehind(Revision revision);
  void Unwatch() { watching_ = false; }
  // Another user's from now on. What the token stands for was told to the one before.
  void SetReader(const Reader& reader) {
    reader_ = reader;
    token_ = "0";
    ready_at_ = {};
  }
  // It lags, or is to begin again; no event says so.
  void OnBehind() { behind_ = true; }
  // What came behind `shared` was taken back: what it has told is not.
  void OnRewind(Revision shared);
  // Nothing happens any more and all has been told.
  [[nodiscard]] std::string AtRest(Revision newest) const;

  [[nodiscard]] const std::string& pattern() const { return pattern_; }
  [[nodiscard]] bool overlaps() const { return overlaps_; }
  [[nodiscard]] bool watching() const { return watching_; }
  // It is live: nothing has been told whose `ready` is to come, but of a transaction.
  [[nodiscard]] bool ready() const { return ready_; }
  // Of the last `ready`; `0` before the first.
  [[nodiscard]] const std::string& token() const { return token_; }

 private:
  [[nodiscard]] std::string OnStarted(const Change& change);
  [[nodiscard]] std::string OnKey(const Change& change);
  [[nodiscard]] bool MayComeAgain(const Change& change, Revision told) const;
  // What leaves out changes begins, or is told, without having been announced.
  [[nodiscard]] bool CutUntold() const {
    return policy_ == WatchPolicy::kAll && ready_ && !gap_ && !overlaps_;
  }
  [[nodiscard]] std::string CheckRate(const Change& change);
  [[nodiscard]] std::string CheckFilter(const Change& change) const;
  [[nodiscard]] std::string CheckLive(const Change& change) const;
  [[nodiscard]] std::string OnReady(const Change& change);
  [[nodiscard]] std::string Compare(Revision revision) const;
  // What comes may belong to a part that another watch is told.
  [[nodiscard]] bool loose() const { return overlaps_ && (!ready_ || behind_); }

  using Told = std::map<std::string, Revision, std::less<>>;

  const WatchHistory& history_;
  std::string pattern_;
  WatchedKeys keys_;
  Reader reader_;
  bool overlaps_;
  WatchPolicy policy_;
  std::int64_t interval_us_;
  bool begins_ = true;  // told what is there, which comes as fast as it can
  std::map<std::string, std::int64_t, std::less<>> told_at_{};
  bool watching_ = false;
  bool begun_ = false;      // its kStarted has come
  bool behind_ = false;     // it may be; up to the next `ready`
  bool unit_open_ = false;  // a transaction was told, and no `ready` behind it
  bool ready_ = false;      // nothing of a unit is open
  bool rewound_ = false;    // so since the last `ready`
  bool gap_ = false;        // it was told so since the last `ready`
  WatchHistory::State state_;
  Told told_;
  Revision live_{};   // of what was told last
  Revision known_{};  // no part that is being told goes back there
  // As of the last `ready`.
  Revision ready_at_{};
  WatchHistory::State ready_state_;
  std::string token_ = "0";
};

}  // namespace nunc
