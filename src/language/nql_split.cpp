#include "language/nql_split.h"

#include <string>

#include "base/limits.h"

namespace nunc {
namespace {

constexpr std::size_t kFailedScanSlackBytes = std::size_t{64} << 10;

// The position behind the JSON-like text that starts at `from`, or npos when it does not balance.
// `scanned` grows by what was read.
std::size_t SkipBalanced(std::string_view text, std::size_t from, std::size_t& scanned) {
  std::string closers;
  bool in_string = false;
  for (std::size_t at = from; at < text.size(); ++at) {
    ++scanned;
    const char c = text[at];
    if (in_string) {
      if (c == '\\') {
        ++at;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (closers.size() == kJsonDepthMax) {
        return std::string_view::npos;
      }
      closers.push_back(c == '{' ? '}' : ']');
    } else if (c == '}' || c == ']') {
      if (closers.empty() || closers.back() != c) {
        return std::string_view::npos;
      }
      closers.pop_back();
    }
    if (!in_string && closers.empty()) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

bool OpensJson(char c) {
  return c == '{' || c == '[' || c == '"';
}

bool EndsWord(std::string_view text, std::size_t at) {
  return at == text.size() || text[at] == ' ' || text[at] == ';' || text[at] == '\n' ||
         text[at] == '\r';
}

}  // namespace

NqlSplitter::NqlSplitter(std::string_view message)
    : message_(message), failed_scan_budget_(4 * message.size() + kFailedScanSlackBytes) {}

std::size_t NqlSplitter::FindEnd(std::size_t from) {
  // Without a `;` there is nothing to decide; most messages are one command.
  std::size_t separator = message_.find(';', from);
  std::size_t at = from;
  while (separator != std::string_view::npos) {
    // The first word that could hold this separator inside JSON.
    while (at < separator && !(OpensJson(message_[at]) && at > from && message_[at - 1] == ' ')) {
      ++at;
    }
    if (at >= separator) {
      return separator;
    }
    std::size_t scanned = 0;
    const std::size_t end =
        failed_scan_budget_ == 0 ? std::string_view::npos : SkipBalanced(message_, at, scanned);
    if (end != std::string_view::npos && EndsWord(message_, end)) {
      at = end;
      if (at > separator) {
        separator = message_.find(';', at);
      }
    } else {
      failed_scan_budget_ -= scanned < failed_scan_budget_ ? scanned : failed_scan_budget_;
      ++at;
    }
  }
  return message_.size();
}

bool NqlSplitter::Next(std::string_view& part) {
  while (at_ < message_.size()) {
    const char c = message_[at_];
    if (c == ' ' || c == '\n' || c == '\r' || c == ';') {
      ++at_;
      continue;
    }
    const std::size_t end = FindEnd(at_);
    part = message_.substr(at_, end - at_);
    at_ = end;
    return true;
  }
  return false;
}

std::size_t NqlSplitter::CountRest() const {
  NqlSplitter rest = *this;
  std::size_t count = 0;
  for (std::string_view part; rest.Next(part);) {
    ++count;
  }
  return count;
}

}  // namespace nunc
