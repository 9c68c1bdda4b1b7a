// A state that has come from the primary as a file, and what a start makes of it: the folder.
//
// Shape:   `full-sync.part` while it comes; with its last byte on the medium it is `full-sync`. As
//          long as that is there a start goes on with the installation before anything else, so
//          that a stop at any moment leaves the old state or leads to the new one.
// Errors:  those of the disk. A file that is damaged, of another cluster or out of date is none: it
//          is removed with a warning, and the folder stays what it was.
// Thread:  at a start, before any door opens.
// Source:  docs/cluster.md, "Full sync"; docs/formats.md.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "core/store.h"
#include "node/recovery.h"
#include "storage/meta.h"

namespace nunc {

inline constexpr std::string_view kFullSyncName = "full-sync";
inline constexpr std::string_view kFullSyncPartName = "full-sync.part";

// Neither of the two is there afterwards.
Result<void> RemoveFullSync(Disk& disk);

// The folder is the state of `full-sync` afterwards, if there is one that may be installed. What is
// left in `store` is of no use. `meta`: the folder's, as it was and as it is then.
Result<void> InstallFullSync(const PersistenceWorld& world, std::uint64_t segment_bytes,
                             Store& store, Meta& meta, const ShowProgress& show);

}  // namespace nunc
