#include "told.h"

#include <algorithm>
#include <cstddef>
#include <functional>

namespace nunc::bench {

void LineReader::Feed(std::string_view bytes,
                      const std::function<void(std::string_view)>& on_line) {
  for (std::size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    if (rest_.empty()) {
      on_line(bytes.substr(0, end));
    } else {
      rest_ += bytes.substr(0, end);
      on_line(rest_);
      rest_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  rest_ += bytes;
}

std::optional<ToldChange> ChangeOf(std::string_view line) {
  constexpr std::string_view kVerb = "changed-version ";
  if (!line.starts_with(kVerb)) return std::nullopt;
  line.remove_prefix(kVerb.size());
  const std::size_t key_end = line.find(' ');
  const std::size_t version_end = line.find(' ', key_end + 1);
  if (key_end == std::string_view::npos || version_end == std::string_view::npos) {
    return std::nullopt;
  }
  return ToldChange{.key = line.substr(0, key_end), .value = line.substr(version_end + 1)};
}

bool EndsWithNewestOfEachKey(std::span<const std::uint64_t> told, std::uint64_t newest,
                             std::uint32_t keys) {
  if (told.size() < keys || newest < keys) return false;
  if (!std::ranges::is_sorted(told, std::less_equal<>())) return false;
  return told.back() == newest && told[told.size() - keys] == newest - keys + 1;
}

}  // namespace nunc::bench
