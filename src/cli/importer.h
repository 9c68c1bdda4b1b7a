// Sends one database of a loaded backup to a running server, part by part.
//
// Shape:   keys first, then conflicts, then secrets, its own token last: until that has arrived
//          nobody can use the database. What fails is given up, and the server drops it.
// Errors:  kUnavailable: no answer, or the server refuses; `detail` says what is left there.
// Limits:  parts of kPartBytes, or one longer entry: any server takes such a request.
// Source:  docs/backup.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/http_client.h"
#include "cli/progress.h"
#include "core/store.h"
#include "storage/snapshot_items.h"

namespace nunc {

class Importer {
 public:
  // `store` is as of `end`.
  Importer(AdminClient& client, Store& store, const Database& database, Revision end,
           std::string_view as);

  Result<void> Run();
  [[nodiscard]] std::uint64_t entries() const { return builder_.entries(); }

 private:
  enum class Pass : std::uint8_t { kPlain, kConflicts, kSecrets, kToken };
  static constexpr std::size_t kPartBytes = std::size_t{4} << 10;

  static Pass PassOf(std::string_view key);
  Result<void> SendPass(Pass pass);
  Result<void> Add(const EntryState& entry);
  Result<void> SendPart();
  tl::unexpected<Error> GiveUp(Error error);
  // What arbiters are told names the database.
  [[nodiscard]] std::string RenamedConflict(std::string_view text) const;

  AdminClient& client_;
  Store& store_;
  const Database& database_;
  Revision end_;
  std::string as_;
  std::string path_;
  std::string id_;  // of the database there, once it is
  BlockBuilder builder_{kPartBytes};
  std::size_t part_bytes_ = 0;  // of entries
  Progress progress_;
};

}  // namespace nunc
