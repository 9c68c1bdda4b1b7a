// The meta file: who this node is, what it has voted, and up to where its log must be there.
//
// Shape:   two slots of 4 KiB that are written in turn, each with a counter and a checksum: a write
//          that is torn leaves the other slot, which is what was stored before.
// Errors:  kNotFound: no such file. kDamaged: neither slot is whole. kInvalid: of a newer version.
//          After a Store that failed nothing more may be stored.
// Thread:  any, one at a time.
// Source:  docs/formats.md (meta); docs/cluster.md §2.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "core/ids.h"
#include "env/disk.h"
#include "storage/segment.h"

namespace nunc {

inline constexpr std::string_view kMetaName = "meta";

struct Meta {
  ClusterId cluster{};
  std::uint64_t node = 0;
  std::uint64_t incarnation = 0;  // made with the data folder
  Term term{};
  std::uint64_t voted_for = 0;  // in `term`; 0: nobody
  Revision durable{};           // the log has been on the disk up to here, or further
  Revision commit{};
  bool damaged = false;       // the log was found damaged and has not been replaced yet
  bool joins = false;         // on its way into a cluster: its log does not name its members yet
  bool arbiter_node = false;  // it holds no log
  Position floor{};           // of an arbiter node: no vote for a log that ends before
  friend bool operator==(const Meta&, const Meta&) = default;
};

class MetaFile {
 public:
  // What stands there; changes nothing.
  static Result<Meta> Read(Disk& disk);
  // It is written anew, so that what is given is on the medium.
  static Result<std::unique_ptr<MetaFile>> Load(Disk& disk);
  // There must be none: with this the first start ends.
  static Result<std::unique_ptr<MetaFile>> Create(Disk& disk, const Meta& meta);

  // On the medium when it returns.
  Result<void> Store(const Meta& meta);
  // What was loaded or stored last.
  [[nodiscard]] const Meta& value() const { return value_; }

 private:
  static Result<std::unique_ptr<MetaFile>> Renew(Disk& disk, const Meta& meta,
                                                 std::uint64_t counter);
  MetaFile(std::unique_ptr<File> file, std::uint64_t counter, const Meta& value);

  std::unique_ptr<File> file_;
  std::uint64_t counter_ = 0;
  Meta value_;
  bool failed_ = false;
};

}  // namespace nunc
