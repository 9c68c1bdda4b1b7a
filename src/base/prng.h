// Numbers that look random and follow from a seed: the same on every machine, in every build.
//
// Shape:   xoshiro256**, its state filled by splitmix64. Not for secrets.
// Source:  Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (2021).
#pragma once

#include <array>
#include <cstdint>

namespace nunc {

class Prng {
 public:
  explicit Prng(std::uint64_t seed);

  std::uint64_t Next();
  // Each of 0 .. n - 1 equally often; n is not 0.
  std::uint64_t Below(std::uint64_t n);
  // Each of first .. last equally often; last is not below first.
  std::int64_t InRange(std::int64_t first, std::int64_t last);
  // True in `numerator` of `denominator` cases; the denominator is not 0.
  bool Chance(std::uint64_t numerator, std::uint64_t denominator);

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace nunc
