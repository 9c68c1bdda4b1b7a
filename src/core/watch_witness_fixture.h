// Holds what a unit test's sessions are told against the watch contract, whatever the test itself
// looks at.
//
// Shape:   told of each command before and after it is run, and of each Output; what is broken
//          stands in broken(). It looks at watches of one database that have a token, or want all
//          changes, unless they overlap with others of their session.
// Owner:   DeliveryTest.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/command.h"
#include "core/ids.h"
#include "core/output.h"
#include "core/watch_oracle.h"

namespace nunc {

class WatchWitness {
 public:
  explicit WatchWitness(std::string_view database) : name_(database) {
    history_.SetDurable({std::numeric_limits<std::uint64_t>::max()});
  }

  void SetNow(std::int64_t now_us) { history_.SetNow(now_us); }
  void BeforeRun(SessionId session, const Command& command);
  void AfterRun(SessionId session, const Command& command, bool fine);
  void OnOutput(const Output& output);
  [[nodiscard]] const std::vector<std::string>& broken() const { return broken_; }

 private:
  struct Client {
    Reader reader{};
    bool selected = false;
    std::set<std::string, std::less<>> patterns{};  // also of those that are not looked at
    std::map<std::string, std::unique_ptr<WatchView>, std::less<>> views{};
  };

  void OnRecord(const Record& record);
  void Hear(Client& client, const Change& change);
  void Become(Client& client, const Reader& reader);
  static bool Overlaps(Client& client, std::string_view pattern);
  [[nodiscard]] std::unique_ptr<WatchView> ViewOf(Client& client, const Command& command) const;

  std::string name_;
  DatabaseId database_{};
  WatchHistory history_{/*waits_for_disk=*/false};
  Revision newest_;
  std::map<std::uint32_t, Client> clients_;  // by slot
  std::unique_ptr<WatchView> replaced_;      // by the watch that is being made
  std::vector<std::string> broken_;
};

}  // namespace nunc
