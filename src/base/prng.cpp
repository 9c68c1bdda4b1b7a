#include "base/prng.h"

#include <bit>

#include "base/check.h"

namespace nunc {

Prng::Prng(std::uint64_t seed) : state_{} {
  for (std::uint64_t& word : state_) {
    seed += 0x9E3779B97F4A7C15U;
    std::uint64_t mixed = seed;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    word = mixed ^ (mixed >> 31);
  }
}

std::uint64_t Prng::Next() {
  const std::uint64_t number = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return number;
}

std::uint64_t Prng::Below(std::uint64_t n) {
  CHECK(n > 0);
  // The lowest 2^64 mod n numbers are thrown away, so that each remainder is left equally often.
  const std::uint64_t too_many = (0 - n) % n;
  std::uint64_t number = Next();
  while (number < too_many) {
    number = Next();
  }
  return number % n;
}

std::int64_t Prng::InRange(std::int64_t first, std::int64_t last) {
  CHECK(first <= last);
  const auto from = static_cast<std::uint64_t>(first);
  const std::uint64_t count = static_cast<std::uint64_t>(last) - from + 1;
  // A count of 0 is 2^64: every number will do.
  return static_cast<std::int64_t>(from + (count == 0 ? Next() : Below(count)));
}

bool Prng::Chance(std::uint64_t numerator, std::uint64_t denominator) {
  return Below(denominator) < numerator;
}

}  // namespace nunc
