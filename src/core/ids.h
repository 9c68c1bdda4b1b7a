// Names and positions that must never be mixed up, as distinct types.
#pragma once

#include <compare>
#include <cstdint>

#include "base/position.h"

namespace nunc {

// Never used twice, also after its database is gone.
struct DatabaseId {
  std::uint32_t value = 0;
  friend auto operator<=>(DatabaseId, DatabaseId) = default;
};

// `$admin`: there from the first start.
inline constexpr DatabaseId kAdminDatabaseId{.value = 1};

// A client session. The slot is reused, the generation tells one user of it from the next.
struct SessionId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  friend bool operator==(SessionId, SessionId) = default;
};

// What a client may come back to: it outlives the connection. All zero: nothing does.
struct SessionName {
  std::uint64_t high = 0;  // random: the secret
  std::uint64_t low = 0;   // a revision that was final before the session began

  // Whose keys it has. The highest bit tells it from the numbers of sessions without a name; zero
  // is nobody's.
  [[nodiscard]] std::uint64_t owner() const {
    return high == 0 && low == 0 ? 0 : high | (std::uint64_t{1} << 63U);
  }
  friend bool operator==(const SessionName&, const SessionName&) = default;
};

// Under which name a write may come again and is still done once. A sequence of 0: it has none.
struct RetryName {
  SessionName session{};  // all zero: that of the session which asks
  std::uint64_t sequence = 0;
};

// Monotonic time drives deadlines; wall time is what people and conflict ids are shown.
struct Now {
  std::int64_t mono_us = 0;
  std::int64_t wall_us = 0;
};
inline constexpr std::int64_t kUsPerMs = 1'000;

}  // namespace nunc
