// The kept scripts of tests/sim: each happens as it stands there.
#include "sim/cluster_script.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

TEST(ClusterScripts, HappenAsTheyStandThere) {
  std::size_t scripts = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(NUNC_SOURCE_DIR "/tests/sim/scripts")) {
    std::ifstream file(entry.path());
    const std::string script{std::istreambuf_iterator<char>(file), {}};
    const std::string happened = ClusterScript::Run(script);
    EXPECT_EQ(happened, script) << entry.path();
    EXPECT_EQ(happened.find("BROKEN"), std::string::npos) << entry.path();
    ++scripts;
  }
  EXPECT_GE(scripts, 7U);
}

TEST(ClusterScripts, SayWhatTheyDoNotUnderstand) {
  EXPECT_EQ(ClusterScript::Run("nodes 3\nfly 1\n"),
            "nodes 3\nfly 1\n  no such command, or no such node\n");
  EXPECT_EQ(ClusterScript::Run("nodes 3\ntimer 9\n"),
            "nodes 3\ntimer 9\n  no such command, or no such node\n");
}

}  // namespace
}  // namespace nunc
