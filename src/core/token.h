// A place in the history that a client keeps to go on exactly there, on any node.
//
// Shape:   text `TERM.REVISION.MARK`; the mark is short for the cluster and the database, so that a
//          token of another one is not taken for one of here. History tells what a token is worth.
// Owner:   Delivery.
// Source:  docs/architecture.md §2; docs/cluster.md §2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"

namespace nunc {

struct Token {
  Term term{};
  Revision revision{};
  std::uint32_t mark = 0;
  friend bool operator==(const Token&, const Token&) = default;
};

std::string FormatToken(const Token& token);
// Empty when it is not one that FormatToken makes.
std::optional<Token> ParseToken(std::string_view text);

class History {
 public:
  // Records from now on are of `term`; `before` ascends.
  void Begin(std::uint64_t cluster, Term term, std::vector<TermEnd> before);
  // A later term, whose first record follows `last`.
  void Advance(Term term, Revision last);
  // What came behind `shared` is no part of it any more.
  void Cut(Revision shared);

  [[nodiscard]] Token At(Revision revision, DatabaseId database) const;

  enum class Worth : std::uint8_t {
    kGood,     // all up to its revision is part of this history
    kRewound,  // only what is up to Judged::shared is
    kUnknown,  // its term is older than all that are known
    kForeign,  // of another cluster, or a database that is gone
    kFuture,   // later than anything that has happened
  };
  struct Judged {
    Worth worth = Worth::kUnknown;
    Revision shared{};
  };
  // `newest` is the revision of the newest record.
  [[nodiscard]] Judged Judge(const Token& token, DatabaseId database, Revision newest) const;

 private:
  [[nodiscard]] std::uint32_t MarkOf(DatabaseId database) const;

  std::uint64_t cluster_ = 0;
  Term term_;
  std::vector<TermEnd> before_;
  Term cut_;  // the newest of which something was cut
};

}  // namespace nunc
