// Why a node is not let in, or not out.
//
// Shape:   a reason, and its text for people.
// Source:  docs/cluster-protocol.md (Refused).
#pragma once

#include <cstdint>
#include <string_view>

namespace nunc {

enum class Refusal : std::uint8_t {
  kOtherCluster = 1,
  kOwnId = 2,       // the other side has this id
  kTwoOfOneId = 3,  // another node of this id is connected
  kTooManyLinks = 4,
  kNotAMember = 5,    // whoever asks to leave is not in
  kNoSuchChange = 6,  // the list of members would not be valid with it
  kArbiterNeedsTwo = 7,
  kArbiterIsThere = 8,  // and with it the cluster is complete
  kSecondArbiter = 9,
  kOtherKind = 10,  // the member of this id holds a log, and who asks does not, or the other way
};
// For people: what was wrong, and what is allowed.
std::string_view TextOf(Refusal refusal);

}  // namespace nunc
