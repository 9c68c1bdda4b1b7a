#include "admin/pages.h"

#include "admin/pages_data.h"

namespace nunc {

std::optional<Page> FindPage(std::string_view path) {
  constexpr std::string_view kHtml = "text/html; charset=UTF-8";
  path = path.substr(0, path.find('?'));
  if (path == "/") {
    return Page{kHtml, kIndexHtml};
  }
  if (path == "/demo" || path == "/demo/") {
    return Page{kHtml, kDemoHtml};
  }
  if (path == "/v1/openapi.json") {
    return Page{"application/json", kOpenapiJson};
  }
  return std::nullopt;
}

}  // namespace nunc
