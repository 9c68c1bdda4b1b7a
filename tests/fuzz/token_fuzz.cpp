// The token of a watch: none crashes its reader or the history that judges it, and one that is read
// comes back the same.
//
// Input: one byte (how many terms the history knows, and whether its tail was cut), then the text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "core/token.h"

namespace {

constexpr nunc::DatabaseId kDatabase{.value = 3};
constexpr nunc::Revision kNewest{.value = 1'000};

nunc::History HistoryOf(std::uint8_t form) {
  std::vector<nunc::TermEnd> before;
  for (std::uint64_t term = 1; term <= form % 8U; ++term) {
    before.push_back({.term = {.value = term * 2}, .last = {.value = term * 100}});
  }
  nunc::History history;
  history.Begin(7, {.value = 20}, std::move(before));
  if ((form & 8U) != 0) {
    history.Cut({.value = 150});
  }
  return history;
}

void CheckJudged(const nunc::History& history, const nunc::Token& token) {
  const nunc::History::Judged judged = history.Judge(token, kDatabase, kNewest);
  if (token.mark != history.At(kNewest, kDatabase).mark) {
    CHECK(judged.worth == nunc::History::Worth::kForeign);
  }
  if (judged.worth == nunc::History::Worth::kGood) {
    CHECK(token.revision <= kNewest);
  }
  if (judged.worth == nunc::History::Worth::kRewound) {
    CHECK(judged.shared <= std::max(token.revision, kNewest));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const nunc::History history = HistoryOf(data[0]);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto token = nunc::ParseToken(text);
  if (!token) return 0;
  CHECK(nunc::ParseToken(nunc::FormatToken(*token)) == token);
  CheckJudged(history, *token);
  token->mark = history.At(kNewest, kDatabase).mark;
  CheckJudged(history, *token);
  return 0;
}
