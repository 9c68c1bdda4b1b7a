// A medium that loses at a power cut what was not synced, and fails when told to.
//
// Shape:   its folders (SimDisk) share the space, the faults and the crashes. The faults hit the
//          calls of File and Disk, counted over all folders; calls on a file that was open at a
//          crash are not counted.
//          After an injected kIo the state is unknown, as env/disk.h says: the first half of a
//          Write is seen, and a Sync has lost what was pending.
// Owner:   outlives its disks and their files.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "base/result.h"
#include "sim/sim_bytes.h"
#include "sim/sim_folder.h"

namespace nunc {

class SimDevice {
 public:
  // A gap takes space like bytes, so this also keeps a mistaken offset from taking all memory.
  static constexpr std::uint64_t kDefaultCapacityBytes = std::uint64_t{4} << 30;

  // Power cut. Afterwards the disks work again, over what was kept; open files are dead.
  void Crash(Prng& prng);
  void Crash(Prng& prng, Keep bytes, Keep names);
  // The process ends, the machine goes on: everything written is there, unsynced as it was.
  void KillProcess();

  // May be less than is in use: then nothing grows until there is space again.
  void SetCapacity(std::uint64_t bytes) { capacity_bytes_ = bytes; }
  [[nodiscard]] std::uint64_t UsedBytes() const;
  // The n-th call from now fails, once; 1 is the next one.
  void FailCall(std::uint64_t n, Fault fault);
  // From the n-th call on all fail with kIo and do nothing, until Crash or KillProcess.
  void CrashAtCall(std::uint64_t n);
  // Whether that has come.
  [[nodiscard]] bool crashed() const { return crashed_; }
  // The next File::Sync gives kIo; what it should have synced never reaches the medium, whatever
  // later syncs say.
  void FailNextSync() { fail_next_sync_ = true; }

  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  // Of all calls so far, with the bytes written and the crashes.
  [[nodiscard]] std::uint64_t trace_hash() const { return trace_hash_; }

 private:
  friend class SimDisk;
  friend class SimFile;

  enum class Operation : std::uint8_t {
    kOpen,
    kList,
    kRename,
    kRemove,
    kSyncFolder,
    kRead,
    kWrite,
    kReserve,
    kSync,
    kSize,
    kCrash,
    kKill,
  };

  struct Call {
    Operation operation = Operation::kOpen;
    std::string_view path;
    std::string_view bytes;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };

  struct Refusal {
    Error error;
    bool has_effect = false;  // false: the machine was down already
  };

  // Every call begins with it. Gives the fault that hits the call.
  std::optional<Refusal> Begin(const Call& call);
  void Trace(const Call& call);
  [[nodiscard]] bool HasRoom(std::uint64_t more_bytes) const;
  void Restart();
  // All that somebody still holds, by id.
  [[nodiscard]] std::vector<std::shared_ptr<SimNode>> Nodes() const;
  SimFolder& FolderOf(std::string_view path);
  std::shared_ptr<SimNode> MakeNode();
  std::uint64_t NextSequence() { return next_sequence_++; }

  std::map<std::string, SimFolder, std::less<>> folders_;
  std::vector<std::weak_ptr<SimNode>> nodes_;  // by id
  std::uint64_t next_node_ = 1;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t generation_ = 1;  // of the process
  std::uint64_t capacity_bytes_ = kDefaultCapacityBytes;
  std::uint64_t calls_ = 0;
  std::uint64_t trace_hash_ = 0;
  std::map<std::uint64_t, Fault> fail_at_;  // by number of the call
  std::optional<std::uint64_t> crash_at_;
  bool crashed_ = false;
  bool fail_next_sync_ = false;
};

}  // namespace nunc
