// Reads the TOML file of --config into flat texts; what the keys mean is config.cpp's matter.
//
// Errors:  kNotFound when the file cannot be opened, kInvalid when it is not TOML or a value is not
//          a string, a whole number or a boolean; both name the file, the second also the line.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace nunc {

Result<std::map<std::string, std::string, std::less<>>> ReadConfigFile(const std::string& path);
// The same for a text at hand; `name` stands for the path in errors.
Result<std::map<std::string, std::string, std::less<>>> ParseConfigText(std::string_view text,
                                                                        std::string_view name);

}  // namespace nunc
