#include "storage/meta.h"

#include <span>
#include <string>
#include <utility>

#include "base/hash.h"
#include "base/little_endian.h"

namespace nunc {

namespace {

constexpr std::string_view kMagic = "NUNCMETA";
constexpr std::uint32_t kVersion = 1;
constexpr std::string_view kUnfinishedName = "meta.tmp";
constexpr std::size_t kSlotBytes = 4096;
constexpr std::size_t kSlots = 2;

constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kFlagsAt = 12;
constexpr std::size_t kCounterAt = 16;
constexpr std::size_t kClusterAt = 24;
constexpr std::size_t kNodeAt = 40;
constexpr std::size_t kIncarnationAt = 48;
constexpr std::size_t kTermAt = 56;
constexpr std::size_t kVotedForAt = 64;
constexpr std::size_t kDurableAt = 72;
constexpr std::size_t kCommitAt = 80;
constexpr std::size_t kFloorAt = 88;
// In every version, over all of the slot before it.
constexpr std::size_t kChecksumAt = kSlotBytes - 8;

constexpr std::uint32_t kFlagDamaged = 1;
constexpr std::uint32_t kFlagJoins = 2;
constexpr std::uint32_t kFlagArbiterNode = 4;
constexpr std::uint32_t kFlags = kFlagDamaged | kFlagJoins | kFlagArbiterNode;

struct Slot {
  std::uint64_t counter = 0;  // none that was stored has 0
  Meta meta;
};

std::string EncodeSlot(const Slot& slot) {
  std::string bytes(kSlotBytes, '\0');
  const Meta& meta = slot.meta;
  kMagic.copy(bytes.data(), kMagic.size());
  PutLittle(bytes.data() + kVersionAt, kVersion);
  PutLittle(bytes.data() + kFlagsAt, (meta.damaged ? kFlagDamaged : 0U) |
                                         (meta.joins ? kFlagJoins : 0U) |
                                         (meta.arbiter_node ? kFlagArbiterNode : 0U));
  PutLittle(bytes.data() + kCounterAt, slot.counter);
  PutLittle(bytes.data() + kClusterAt, meta.cluster[0]);
  PutLittle(bytes.data() + kClusterAt + 8, meta.cluster[1]);
  PutLittle(bytes.data() + kNodeAt, meta.node);
  PutLittle(bytes.data() + kIncarnationAt, meta.incarnation);
  PutLittle(bytes.data() + kTermAt, meta.term.value);
  PutLittle(bytes.data() + kVotedForAt, meta.voted_for);
  PutLittle(bytes.data() + kDurableAt, meta.durable.value);
  PutLittle(bytes.data() + kCommitAt, meta.commit.value);
  PutLittle(bytes.data() + kFloorAt, meta.floor.term.value);
  PutLittle(bytes.data() + kFloorAt + 8, meta.floor.revision.value);
  PutLittle(bytes.data() + kChecksumAt,
            HashBytes(std::string_view(bytes).substr(0, kChecksumAt), 0));
  return bytes;
}

// With counter 0: the slot is torn or was never written.
Result<Slot> DecodeSlot(std::string_view bytes) {
  if (bytes.size() < kSlotBytes || !bytes.starts_with(kMagic) ||
      HashBytes(bytes.substr(0, kChecksumAt), 0) != GetLittle<std::uint64_t>(bytes, kChecksumAt)) {
    return Slot{};
  }
  const auto version = GetLittle<std::uint32_t>(bytes, kVersionAt);
  const auto flags = GetLittle<std::uint32_t>(bytes, kFlagsAt);
  if (version != kVersion || (flags & ~kFlags) != 0) {
    return Fail(Fault::kInvalid, "version " + std::to_string(version) +
                                     " of the meta file is not known to this program, which knows "
                                     "version " +
                                     std::to_string(kVersion));
  }
  return Slot{.counter = GetLittle<std::uint64_t>(bytes, kCounterAt),
              .meta = {.cluster = {GetLittle<std::uint64_t>(bytes, kClusterAt),
                                   GetLittle<std::uint64_t>(bytes, kClusterAt + 8)},
                       .node = GetLittle<std::uint64_t>(bytes, kNodeAt),
                       .incarnation = GetLittle<std::uint64_t>(bytes, kIncarnationAt),
                       .term = {GetLittle<std::uint64_t>(bytes, kTermAt)},
                       .voted_for = GetLittle<std::uint64_t>(bytes, kVotedForAt),
                       .durable = {GetLittle<std::uint64_t>(bytes, kDurableAt)},
                       .commit = {GetLittle<std::uint64_t>(bytes, kCommitAt)},
                       .damaged = (flags & kFlagDamaged) != 0,
                       .joins = (flags & kFlagJoins) != 0,
                       .arbiter_node = (flags & kFlagArbiterNode) != 0,
                       .floor = {.term = {GetLittle<std::uint64_t>(bytes, kFloorAt)},
                                 .revision = {GetLittle<std::uint64_t>(bytes, kFloorAt + 8)}}}};
}

tl::unexpected<Error> Named(const Disk& disk, const Error& error) {
  return Fail(error.fault, disk.PathOf(kMetaName) + ": " + error.detail);
}

Result<void> WriteSlot(File& file, std::uint64_t at, std::string_view bytes) {
  auto done = file.Write(at, bytes);
  if (done) {
    done = file.Sync();
  }
  return done;
}

// A file of its own that takes the name when it is whole; the slot is its first one.
Result<void> WriteNew(Disk& disk, const Slot& slot) {
  auto file = disk.Open(kUnfinishedName, OpenMode::kCreate);
  if (!file) {
    return Fail(file.error().fault, file.error().detail);
  }
  std::string bytes = EncodeSlot(slot);
  bytes.resize(kSlotBytes * kSlots);
  auto done = WriteSlot(**file, 0, bytes);
  if (done) {
    done = disk.Rename(kUnfinishedName, kMetaName);
  }
  if (done) {
    done = disk.SyncFolder();
  }
  return done;
}

Result<Slot> ReadNewest(Disk& disk) {
  const auto file = disk.Open(kMetaName, OpenMode::kRead);
  if (!file) {
    return Fail(file.error().fault, file.error().detail);
  }
  std::string bytes(kSlotBytes * kSlots, '\0');
  const auto read = (*file)->Read(0, std::span(bytes));
  if (!read) {
    return Named(disk, read.error());
  }
  bytes.resize(*read);
  Slot newest;
  for (std::size_t at = 0; at < bytes.size(); at += kSlotBytes) {
    const auto slot = DecodeSlot(std::string_view(bytes).substr(at, kSlotBytes));
    if (!slot) {
      return Named(disk, slot.error());
    }
    if (slot->counter > newest.counter) {
      newest = *slot;
    }
  }
  if (newest.counter == 0) {
    return Fail(Fault::kDamaged, disk.PathOf(kMetaName) + ": neither half is whole");
  }
  return newest;
}

}  // namespace

MetaFile::MetaFile(std::unique_ptr<File> file, std::uint64_t counter, const Meta& value)
    : file_(std::move(file)), counter_(counter), value_(value) {}

Result<Meta> MetaFile::Read(Disk& disk) {
  auto newest = ReadNewest(disk);
  if (!newest) {
    return Fail(newest.error().fault, std::move(newest.error().detail));
  }
  return newest->meta;
}

Result<std::unique_ptr<MetaFile>> MetaFile::Load(Disk& disk) {
  auto newest = ReadNewest(disk);
  if (!newest) {
    return Fail(newest.error().fault, std::move(newest.error().detail));
  }
  return Renew(disk, newest->meta, newest->counter);
}

Result<std::unique_ptr<MetaFile>> MetaFile::Create(Disk& disk, const Meta& meta) {
  return Renew(disk, meta, 0);
}

// What has been read may be in the system's memory alone, where a sync that failed has left it, and
// the slot beside it is the next to be overwritten: so it is written to a file of its own first.
Result<std::unique_ptr<MetaFile>> MetaFile::Renew(Disk& disk, const Meta& meta,
                                                  std::uint64_t counter) {
  // The next counter of the first slot.
  const std::uint64_t next = (counter / kSlots + 1) * kSlots;
  const auto written = WriteNew(disk, {.counter = next, .meta = meta});
  if (!written) {
    return Named(disk, written.error());
  }
  auto file = disk.Open(kMetaName, OpenMode::kReadWrite);
  if (!file) {
    return Named(disk, file.error());
  }
  return std::unique_ptr<MetaFile>(new MetaFile(std::move(*file), next, meta));
}

Result<void> MetaFile::Store(const Meta& meta) {
  if (failed_) {
    return Fail(Fault::kIo, "the meta file could not be written before");
  }
  const std::uint64_t counter = counter_ + 1;
  const std::string bytes = EncodeSlot({.counter = counter, .meta = meta});
  // The newest slot has the other parity, so whatever happens here, it stays.
  auto stored = WriteSlot(*file_, counter % kSlots * kSlotBytes, bytes);
  failed_ = !stored.has_value();
  if (stored) {
    counter_ = counter;
    value_ = meta;
  }
  return stored;
}

}  // namespace nunc
