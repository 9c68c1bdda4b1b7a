// The data folder of a server: opened, locked, loaded into the node, kept.
//
// Shape:   Open does all of it before any door opens; Watch makes finished work wake the loop.
// Errors:  kUnavailable: another server has the folder. kDamaged, kInvalid: docs/durability.md.
//          Nothing is changed then.
// Owner:   Server, destroyed after the hub.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "net/loop.h"
#include "node/persistence.h"
#include "posix/clock.h"
#include "posix/disk.h"
#include "posix/heap.h"
#include "posix/random.h"
#include "posix/worker.h"
#include "server/config.h"

namespace nunc {

class DataFolder {
 public:
  // Progress is shown once loading has taken a second.
  // `address` is this node's in the list of members, of a member.
  static Result<std::unique_ptr<DataFolder>> Open(const Config& config, Node& node, Heap& heap,
                                                  const ShowProgress& show,
                                                  std::string_view address);
  ~DataFolder();

  Result<void> Watch(Loop& loop);
  [[nodiscard]] Persistence& persistence() { return *persistence_; }

 private:
  // Reading the descriptors is Collect's business: waking up is all.
  class Waker final : public Loop::Handler {
   public:
    void OnReady(std::uint32_t) override {}
  };

  DataFolder() = default;
  Result<void> OpenFolders(const Config& config);
  Result<std::unique_ptr<Persistence>> Begin(const Config& config, Node& node, Recovered recovered,
                                             std::string_view address);
  [[nodiscard]] PersistenceWorld World() {
    return {.data = *data_,
            .log = log_ != nullptr ? *log_ : *data_,
            .sync = *sync_,
            .sync_beside = sync_beside_.get(),
            .bulk = *bulk_,
            .clock = clock_,
            .random = random_};
  }

  PosixClock clock_;
  PosixRandom random_;
  std::unique_ptr<PosixDisk> data_;
  std::unique_ptr<PosixDisk> log_;  // null: in data_
  std::unique_ptr<PosixWorker> sync_;
  std::unique_ptr<PosixWorker> sync_beside_;
  std::unique_ptr<PosixWorker> bulk_;
  std::unique_ptr<Persistence> persistence_;
  Waker waker_;
  Loop* loop_ = nullptr;
  std::vector<Loop::Registration> done_;  // of the workers
};

}  // namespace nunc
