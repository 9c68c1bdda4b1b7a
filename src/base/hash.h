// Hash of bytes: of keys for in-memory tables, and as the checksum of what is stored.
//
// Shape:   XXH3-64. Tables choose the seed per process, so that a client cannot prepare collisions;
//          file formats say theirs (docs/formats.md).
// Source:  xxHash 0.8 (libxxhash).
#pragma once

#include <cstdint>
#include <string_view>

namespace nunc {

std::uint64_t HashBytes(std::string_view bytes, std::uint64_t seed);

}  // namespace nunc
