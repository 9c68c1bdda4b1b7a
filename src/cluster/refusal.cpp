#include "cluster/refusal.h"

namespace nunc {

std::string_view TextOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::kOtherCluster:
      return "this node is of another cluster; clusters never merge";
    case Refusal::kOwnId:
      return "this node has the same id; each node needs one of its own";
    case Refusal::kTwoOfOneId:
      return "another node of this id is connected; each node needs one of its own";
    case Refusal::kTooManyLinks:
      return "more than kPeerLinksMax nodes are connected";
    case Refusal::kNotAMember:
      return "it is not a member";
    case Refusal::kNoSuchChange:
      return "the members would be more than kMembersMax, or none of them could be primary";
    case Refusal::kArbiterNeedsTwo:
      return "an arbiter node is for a cluster of exactly two members, both with data and a vote";
    case Refusal::kArbiterIsThere:
      return "an arbiter node is a member, and with it exactly two nodes with data: it must leave "
             "before another one joins, or one of the two leaves";
    case Refusal::kSecondArbiter:
      return "an arbiter node is a member already, and there is never more than one";
    case Refusal::kOtherKind:
      return "one of the member of this id and the node that joins is an arbiter node, the other "
             "one is not: give it another id, or let the member leave first";
  }
  return {};
}

}  // namespace nunc
