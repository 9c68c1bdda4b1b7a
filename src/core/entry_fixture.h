// Entries that tests own without a store.
#pragma once

#include <memory>

#include "core/entry.h"

namespace nunc {

struct DestroyEntry {
  void operator()(Entry* entry) const { Entry::Destroy(entry); }
};
using OwnedEntry = std::unique_ptr<Entry, DestroyEntry>;

}  // namespace nunc
