#include "server/config_file.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <array>
#include <fstream>

#include <toml++/toml.h>

namespace nunc {

namespace {

std::string PositionIn(std::string_view name, const toml::source_region& source) {
  return std::string(name) + ":" + std::to_string(source.begin.line);
}

}  // namespace

Result<std::map<std::string, std::string, std::less<>>> ParseConfigText(std::string_view text,
                                                                        std::string_view name) {
  const toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    // The parser's description may quote the offending bytes; a file may hold the password.
    return Fail(Fault::kInvalid, PositionIn(name, parsed.error().source()) +
                                     ": not valid TOML here; a setting is `key = value`, strings "
                                     "in quotes");
  }
  std::map<std::string, std::string, std::less<>> values;
  for (const auto& [key, node] : parsed.table()) {
    const std::string key_text(key.str());
    if (const auto* string = node.as_string()) {
      values[key_text] = string->get();
    } else if (const auto* integer = node.as_integer()) {
      values[key_text] = std::to_string(integer->get());
    } else if (const auto* boolean = node.as_boolean()) {
      values[key_text] = boolean->get() ? "true" : "false";
    } else {
      return Fail(Fault::kInvalid, PositionIn(name, node.source()) + ": " + key_text +
                                       ": allowed is a string, a whole number, true or false");
    }
  }
  return values;
}

Result<std::map<std::string, std::string, std::less<>>> ReadConfigFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::array<char, 4096> chunk{};
  while (file.read(chunk.data(), chunk.size()) || file.gcount() > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(file.gcount()));
  }
  // A directory opens, and only reading it fails.
  if (!file.is_open() || file.bad()) {
    return Fail(Fault::kNotFound, path + ": cannot be read");
  }
  return ParseConfigText(text, path);
}

}  // namespace nunc
