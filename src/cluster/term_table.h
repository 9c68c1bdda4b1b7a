// What there is to know about a log without its records: which term each record is of.
//
// Shape:   for each term the newest record; terms and revisions ascend. At most kTermsKnownMax of
//          them: then the oldest is forgotten, and a difference before it can no longer be found.
// Owner:   a Member, for its own log; or an Ack, for a part of another's.
// Source:  docs/cluster.md §8, §10; Ongaro and Ousterhout, "In Search of an Understandable
//          Consensus Algorithm" (2014), §5.3 for the log matching that it rests on.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/position.h"

namespace nunc {

class TermTable {
 public:
  TermTable() = default;
  // As it was when the program started; ascends.
  explicit TermTable(std::vector<TermEnd> ends);

  // The newest record; zero when there is none.
  [[nodiscard]] Position last() const;
  // Empty: there is no such record, or its term is forgotten.
  [[nodiscard]] std::optional<Term> TermAt(Revision revision) const;
  [[nodiscard]] bool Has(const Position& position) const;
  // The newest record of the same term as the one after `revision`, which is there.
  [[nodiscard]] Revision EndOfRun(Revision revision) const;

  // Records up to `last` are of `term`, which is not older than any.
  void Append(const Position& last);
  void CutTo(Revision last);

  // The newest terms up to `term`, as many as one answer names.
  [[nodiscard]] std::vector<TermEnd> Newest(Term term) const;
  // Up to where a log with these newest terms is the same; or, when none of them is known here, the
  // newest record before them, from where to ask again.
  [[nodiscard]] Position Shared(std::span<const TermEnd> others) const;

  [[nodiscard]] std::span<const TermEnd> ends() const { return ends_; }

 private:
  std::vector<TermEnd> ends_;
  bool forgotten_ = false;  // the oldest of `ends_` begins nobody knows where
};

}  // namespace nunc
