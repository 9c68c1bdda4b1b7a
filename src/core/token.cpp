#include "core/token.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/hash.h"
#include "base/planted.h"

namespace nunc {
namespace {

// All of `text` as a number.
template <class Number>
bool ReadNumber(std::string_view text, Number& number, int base = 10) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return fault == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string FormatToken(const Token& token) {
  std::array<char, 8> mark{};
  mark.fill('0');
  std::array<char, 8> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), token.mark, 16);
  std::copy_backward(digits.data(), written.ptr, mark.end());
  std::string text = std::to_string(token.term.value);
  text.append(".").append(std::to_string(token.revision.value)).append(".");
  return text.append(mark.data(), mark.size());
}

std::optional<Token> ParseToken(std::string_view text) {
  const std::size_t first = text.find('.');
  const std::size_t second = text.find('.', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) {
    return std::nullopt;
  }
  Token token;
  const bool read = ReadNumber(text.substr(0, first), token.term.value) &&
                    ReadNumber(text.substr(first + 1, second - first - 1), token.revision.value) &&
                    ReadNumber(text.substr(second + 1), token.mark, 16);
  return read ? std::optional(token) : std::nullopt;
}

void History::Begin(std::uint64_t cluster, Term term, std::vector<TermEnd> before) {
  cluster_ = cluster;
  term_ = term;
  before_ = std::move(before);
}

void History::Advance(Term term, Revision last) {
  if (term_ != Term{} && last != Revision{}) {
    before_.push_back({.term = term_, .last = last});
  }
  term_ = term;
}

void History::Cut(Revision shared) {
  cut_ = std::max(cut_, term_);
  while (!before_.empty() && before_.back().last >= shared) {
    term_ = before_.back().term;
    before_.pop_back();
  }
}

std::uint32_t History::MarkOf(DatabaseId database) const {
  return static_cast<std::uint32_t>(HashBytes(std::to_string(cluster_), database.value));
}

Token History::At(Revision revision, DatabaseId database) const {
  return {.term = term_, .revision = revision, .mark = MarkOf(database)};
}

History::Judged History::Judge(const Token& token, DatabaseId database, Revision newest) const {
  if (token.mark != MarkOf(database)) {
    return {.worth = Worth::kForeign};
  }
  if (token.term == term_ && (token.revision <= newest || Planted(Bug::kRewindToken))) {
    return {.worth = Worth::kGood};
  }
  if (token.term >= term_) {
    // Of a tail that was cut, or of one that has yet to come here.
    return token.term <= cut_
               ? Judged{.worth = Worth::kRewound, .shared = std::min(newest, token.revision)}
               : Judged{.worth = Worth::kFuture};
  }
  const auto end = std::lower_bound(before_.begin(), before_.end(), token.term,
                                    [](const TermEnd& a, Term term) { return a.term < term; });
  if (end == before_.begin() && (end == before_.end() || end->term != token.term)) {
    return {};
  }
  if (end == before_.end() || end->term != token.term) {
    // No record of it is left, so it had gone on from the end of one before.
    return {.worth = Worth::kRewound, .shared = std::min(std::prev(end)->last, token.revision)};
  }
  return token.revision <= end->last || Planted(Bug::kWatchRewoundGood)
             ? Judged{.worth = Worth::kGood}
             : Judged{.worth = Worth::kRewound, .shared = end->last};
}

}  // namespace nunc
