// Splitting messages into commands: parts cover the message but for separators, in order, and what
// the splitter protects is balanced.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "language/nql_split.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  nunc::NqlSplitter splitter(message);
  const std::size_t counted = splitter.CountRest();
  std::size_t parts = 0;
  std::size_t at = 0;
  for (std::string_view part; splitter.Next(part); ++parts) {
    const auto begin = static_cast<std::size_t>(part.data() - message.data());
    CHECK(begin >= at && begin + part.size() <= message.size());
    // Only what separates lies between two parts.
    CHECK(message.substr(at, begin - at).find_first_not_of(" \r\n;") == std::string_view::npos);
    CHECK(!part.empty() && part.front() != ' ' && part.front() != ';');
    at = begin + part.size();
    CHECK(at == message.size() || message[at] == ';');
    // A `;` stays inside a part only where a quote or a bracket before it opened.
    const std::size_t separator = part.find(';');
    CHECK(separator == std::string_view::npos ||
          part.substr(0, separator).find_first_of("{[\"") != std::string_view::npos);
  }
  CHECK(message.substr(at).find_first_not_of(" \r\n;") == std::string_view::npos);
  CHECK(parts == counted);
  return 0;
}
