// What a snapshot and a backup have in common: the head, the items of the walk, the end.
//
// Shape:   the head says where the walk starts, the end where it has ended: `start` and `end` are
//          the newest record in the store when they are made.
// Source:  docs/formats-snapshot.md.
#pragma once

#include <vector>

#include "core/ids.h"
#include "core/store.h"
#include "core/store_walk.h"
#include "storage/record.h"
#include "storage/segment.h"
#include "storage/snapshot_head.h"
#include "storage/snapshot_items.h"

namespace nunc {

SnapshotHead MakeSnapshotHead(SnapshotKind kind, const Store& store, const ChainEnd& start,
                              const ClusterId& cluster, std::vector<TermEnd> terms);
// False: the walk has ended, nothing was added.
bool AddItem(BlockBuilder& builder, const StoreWalk::Item& item);
// `only`: that database; zero: everything.
SnapshotEnd MakeSnapshotEnd(const Store& store, const ChainEnd& end, const BlockBuilder& builder,
                            DatabaseId only = {});

}  // namespace nunc
