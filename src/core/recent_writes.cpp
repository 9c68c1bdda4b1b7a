#include "core/recent_writes.h"

#include <algorithm>

namespace nunc {

void RecentWrites::Note(Revision revision, std::int64_t time_us, Writer writer,
                        std::string_view user) {
  Write& write = ring_[revision.value % ring_.size()];
  write.revision = revision;
  write.time_us = time_us;
  write.writer = writer;
  write.size = std::min(user.size(), write.name.size());
  std::copy_n(user.begin(), write.size, write.name.begin());
}

const RecentWrites::Write* RecentWrites::Find(Revision revision) const {
  const Write& write = ring_[revision.value % ring_.size()];
  return revision != Revision{} && write.revision == revision ? &write : nullptr;
}

}  // namespace nunc
