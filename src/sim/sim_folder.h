// The names of one folder: as the process sees them, and as the medium holds them.
//
// Shape:   a change of a name is pending until Sync; a power cut keeps some of them. A rename is
//          atomic: afterwards the file has the old name or the new one, never both and never none.
//          A file may survive without what was written to it, and the other way round.
// Owner:   files are shared with who has them open: removing a name does not end its file.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "sim/sim_bytes.h"

namespace nunc {

struct SimNode {
  std::uint64_t id = 0;  // in order of creation, so that nothing is ordered by address
  std::uint64_t opened = 0;
  std::uint64_t lost = 0;  // how often a sync has lost what was written
  SimBytes bytes;
};

class SimFolder {
 public:
  using Names = std::map<std::string, std::shared_ptr<SimNode>, std::less<>>;

  void Create(std::uint64_t sequence, std::string_view name, std::shared_ptr<SimNode> node);
  // The name exists.
  void Rename(std::uint64_t sequence, std::string_view from, std::string_view to);
  void Remove(std::uint64_t sequence, std::string_view name);

  void Sync();
  // `cut` is the first sequence that kPrefix does not keep.
  void Crash(Keep keep, std::uint64_t cut, Prng& prng);
  // For tests: a file made by hand, on the medium at once.
  void Put(std::string_view name, std::shared_ptr<SimNode> node);

  // Null when there is none.
  [[nodiscard]] std::shared_ptr<SimNode> Find(std::string_view name) const;
  [[nodiscard]] const Names& seen() const { return seen_; }
  [[nodiscard]] const Names& durable() const { return durable_; }
  void AddPending(std::vector<std::uint64_t>& sequences) const;

 private:
  struct Change {
    std::uint64_t sequence = 0;
    std::string name;  // empty: the file is removed
    std::shared_ptr<SimNode> node;
    std::shared_ptr<SimNode> replaced;  // who had the name
  };

  void Add(Change change);
  static void Apply(const Change& change, Names& names);
  [[nodiscard]] bool TakesNameOfAnother(const Change& change) const;

  Names seen_;
  Names durable_;
  std::vector<Change> pending_;
};

}  // namespace nunc
