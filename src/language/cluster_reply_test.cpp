#include "language/cluster_reply.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "language/nql_reply.h"

namespace nunc {
namespace {

using Rows = std::vector<Output::Row>;

std::int64_t Number(SeenRole role) {
  return static_cast<std::int64_t>(role);
}

std::string TextOf(const Rows& rows) {
  Output output;
  output.rows = rows;
  std::string text;
  AppendData(text, {.kind = ReplyKind::kCluster, .row_count = rows.size()}, output);
  return text;
}

std::string JsonOf(const Rows& rows) {
  std::string text;
  AppendMembersJson(text, rows);
  return text;
}

TEST(MembersText, IsThatOfTheReferenceServer) {
  const Output::Row self{"a:1", "self", Number(SeenRole::kPrimary)};
  EXPECT_EQ(TextOf({}), "cluster-state \n");
  EXPECT_EQ(TextOf({self}), "cluster-state  a:1(self):Primary ,\n");
  EXPECT_EQ(TextOf({self,
                    {"b:2", "Connected", Number(SeenRole::kSecondary)},
                    {"c:3", "Disconnected", Number(SeenRole::kStartingUp)}}),
            "cluster-state  a:1(self):Primary , b:2(Connected):Secoundary,"
            " c:3(Disconnected):StartingUp,\n");
}

TEST(MembersJson, HasAListOfMembersAlsoWhereThereAreNone) {
  const Rows before = {{"id", "", 1}, {"role", "learner"}, {"primary", "", 0}};
  EXPECT_EQ(JsonOf(before), R"({"id":1,"role":"learner","primary":null,"members":[]})");
  Rows rows = before;
  rows.insert(rows.end(), {{kMemberRow, "", 1},
                           {"peer", "a:1"},
                           {"client", ""},
                           {"linked", "true"},
                           {kMemberRow, "", -1},
                           {"lag", "", 0}});
  EXPECT_EQ(JsonOf(rows), R"({"id":1,"role":"learner","primary":null,"members":[)"
                          R"({"id":1,"peer":"a:1","client":"","linked":true},)"
                          R"({"id":18446744073709551615,"lag":0}]})");
}

// Addresses come from other nodes.
TEST(MembersJson, NothingInAnAddressEndsItsString) {
  EXPECT_EQ(JsonOf({{"id", "", 1}, {kMemberRow, "", 2}, {"client", "a\"\n:1"}}),
            R"({"id":1,"members":[{"id":2,"client":"a\"\n:1"}]})");
}

}  // namespace
}  // namespace nunc
