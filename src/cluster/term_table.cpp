#include "cluster/term_table.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/check.h"
#include "base/limits.h"

namespace nunc {

TermTable::TermTable(std::vector<TermEnd> ends) : ends_(std::move(ends)) {
  // As many as are ever known: there may have been more.
  if (ends_.size() >= kTermsKnownMax) {
    ends_.erase(ends_.begin(), ends_.end() - static_cast<std::ptrdiff_t>(kTermsKnownMax));
    forgotten_ = true;
  }
}

Position TermTable::last() const {
  return ends_.empty() ? Position{}
                       : Position{.term = ends_.back().term, .revision = ends_.back().last};
}

std::optional<Term> TermTable::TermAt(Revision revision) const {
  if (revision.value == 0) {
    return Term{};
  }
  const auto end = std::ranges::lower_bound(ends_, revision, {}, &TermEnd::last);
  if (end == ends_.end() || (forgotten_ && end == ends_.begin() && end->last != revision)) {
    return std::nullopt;
  }
  return end->term;
}

bool TermTable::Has(const Position& position) const {
  return TermAt(position.revision) == position.term;
}

Revision TermTable::EndOfRun(Revision revision) const {
  const auto end = std::ranges::upper_bound(ends_, revision, {}, &TermEnd::last);
  CHECK(end != ends_.end());
  return end->last;
}

void TermTable::Append(const Position& last) {
  CHECK(last.revision > this->last().revision && last.term >= this->last().term);
  if (!ends_.empty() && ends_.back().term == last.term) {
    ends_.back().last = last.revision;
    return;
  }
  if (ends_.size() == kTermsKnownMax) {
    ends_.erase(ends_.begin());
    forgotten_ = true;
  }
  ends_.push_back({.term = last.term, .last = last.revision});
}

void TermTable::CutTo(Revision last) {
  while (!ends_.empty() && ends_.back().last > last) {
    const bool begins_before =
        ends_.size() > 1 ? ends_[ends_.size() - 2].last < last : last.value > 0;
    if (begins_before) {
      ends_.back().last = last;
    } else {
      ends_.pop_back();
    }
  }
}

std::vector<TermEnd> TermTable::Newest(Term term) const {
  const auto end = std::ranges::upper_bound(ends_, term, {}, &TermEnd::term);
  const auto count = std::min(end - ends_.begin(), static_cast<std::ptrdiff_t>(kTermsToldMax));
  return {end - count, end};
}

Position TermTable::Shared(std::span<const TermEnd> others) const {
  // All records of a term come from one primary, in order: where both logs have some of a term,
  // they are the same up to the shorter one's newest.
  for (const TermEnd& other : others | std::views::reverse) {
    const auto own = std::ranges::lower_bound(ends_, other.term, {}, &TermEnd::term);
    if (own != ends_.end() && own->term == other.term) {
      return {.term = own->term, .revision = std::min(own->last, other.last)};
    }
  }
  if (others.empty()) {
    return {};
  }
  const auto before = std::ranges::lower_bound(ends_, others.front().term, {}, &TermEnd::term);
  return before == ends_.begin()
             ? Position{}
             : Position{.term = std::prev(before)->term, .revision = std::prev(before)->last};
}

}  // namespace nunc
