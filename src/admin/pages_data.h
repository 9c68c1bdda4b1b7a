// The text of the built-in pages; the build writes the definitions from web/ (embed.cmake).
#pragma once

#include <string_view>

namespace nunc {

extern const std::string_view kIndexHtml;
extern const std::string_view kDemoHtml;
extern const std::string_view kOpenapiJson;

}  // namespace nunc
