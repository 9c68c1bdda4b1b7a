#include "admin/pages.h"

#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace nunc {
namespace {

std::string FileText(const std::string& name) {
  std::ifstream file(std::string(NUNC_SOURCE_DIR) + "/src/admin/web/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Pages, AreTheFilesByteForByte) {
  const std::string demo = FileText("demo.html");
  const std::string index = FileText("index.html");
  ASSERT_GT(demo.size(), 1000U);
  ASSERT_GT(index.size(), 200U);
  EXPECT_EQ(FindPage("/demo")->body, demo);
  EXPECT_EQ(FindPage("/")->body, index);
}

TEST(Pages, AreHtmlInUtf8) {
  EXPECT_EQ(FindPage("/demo")->content_type, "text/html; charset=UTF-8");
  EXPECT_EQ(FindPage("/")->content_type, "text/html; charset=UTF-8");
}

TEST(Pages, QueryAndFinalSlashDoNotCount) {
  EXPECT_EQ(FindPage("/demo/")->body, FindPage("/demo")->body);
  EXPECT_EQ(FindPage("/demo?x=1")->body, FindPage("/demo")->body);
  EXPECT_EQ(FindPage("/?")->body, FindPage("/")->body);
}

TEST(Pages, OtherPathsAreNotThere) {
  for (const char* path : {"", "demo", "/demo2", "/Demo", "//", "/demo/x", "/index.html", "?"}) {
    EXPECT_FALSE(FindPage(path)) << path;
  }
}

TEST(Pages, LoadNothingFromElsewhere) {
  for (const char* path : {"/", "/demo"}) {
    const std::string_view body = FindPage(path)->body;
    for (const char* loader : {"http://", "https://", " src=", "@import", "fetch(", "innerHTML"}) {
      EXPECT_EQ(body.find(loader), std::string_view::npos) << path << " " << loader;
    }
  }
}

}  // namespace
}  // namespace nunc
