// What the server was told to allow its connections.
//
// Units:   bytes, counts and milliseconds as the field's name ends.
// Source:  docs/limits.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nunc {

struct HubLimits {
  std::size_t value_bytes_max = 0;
  std::size_t connections_max = 0;
  std::size_t buffered_bytes_max = 0;
  std::uint32_t handshake_timeout_ms = 0;
  std::uint32_t http_request_timeout_ms = 0;
  std::uint32_t http_idle_timeout_ms = 0;
  std::uint32_t ping_interval_ms = 0;

  [[nodiscard]] std::size_t command_bytes_max() const;
  // Of nunc.1: the largest value fits in base64, as far as all buffers together reach.
  [[nodiscard]] std::size_t json_bytes_max() const;
};

}  // namespace nunc
