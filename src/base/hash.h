// Hash of a key for in-memory tables.
//
// Shape:   XXH3-64 with a seed chosen per process, so that a client cannot prepare collisions.
// Source:  xxHash 0.8 (libxxhash).
#pragma once

#include <cstdint>
#include <string_view>

namespace nunc {

std::uint64_t HashBytes(std::string_view bytes, std::uint64_t seed);

}  // namespace nunc
