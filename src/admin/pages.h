// The pages that the HTTP door serves from the binary itself: `/`, `/demo`.
//
// Shape:   built in from web/; each is one file that loads nothing else, so they work offline.
// Owner:   static storage; the views stay valid for ever.
// Thread:  any.
#pragma once

#include <optional>
#include <string_view>

namespace nunc {

struct Page {
  std::string_view content_type;
  std::string_view body;
};

// Goes out with every page (Content-Security-Policy): nothing from elsewhere, only sockets back.
inline constexpr std::string_view kPageSecurityPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// `path` is a request target; what follows a `?` does not count.
std::optional<Page> FindPage(std::string_view path);

}  // namespace nunc
