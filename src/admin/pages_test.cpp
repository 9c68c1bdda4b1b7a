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

// Empty when the page is not there, which no test takes for a page.
Page PageAt(std::string_view path) {
  return FindPage(path).value_or(Page{});
}

TEST(Pages, AreTheFilesByteForByte) {
  const std::string demo = FileText("demo.html");
  const std::string index = FileText("index.html");
  ASSERT_GT(demo.size(), 1000U);
  ASSERT_GT(index.size(), 200U);
  EXPECT_EQ(PageAt("/demo").body, demo);
  EXPECT_EQ(PageAt("/").body, index);
  EXPECT_EQ(PageAt("/v1/openapi.json").body, FileText("openapi.json"));
  EXPECT_EQ(PageAt("/v1/openapi.json").content_type, "application/json");
}

TEST(Pages, AreHtmlInUtf8) {
  EXPECT_EQ(PageAt("/demo").content_type, "text/html; charset=UTF-8");
  EXPECT_EQ(PageAt("/").content_type, "text/html; charset=UTF-8");
}

TEST(Pages, QueryAndFinalSlashDoNotCount) {
  EXPECT_EQ(PageAt("/demo/").body, PageAt("/demo").body);
  EXPECT_EQ(PageAt("/demo?x=1").body, PageAt("/demo").body);
  EXPECT_EQ(PageAt("/?").body, PageAt("/").body);
}

TEST(Pages, OtherPathsAreNotThere) {
  for (const char* path : {"", "demo", "/demo2", "/Demo", "//", "/demo/x", "/index.html", "?"}) {
    EXPECT_FALSE(FindPage(path)) << path;
  }
}

TEST(Pages, LoadNothingFromElsewhere) {
  for (const char* path : {"/", "/demo"}) {
    const std::string_view body = PageAt(path).body;
    for (const char* loader : {"http://", "https://", " src=", "@import", "fetch(", "innerHTML"}) {
      EXPECT_EQ(body.find(loader), std::string_view::npos) << path << " " << loader;
    }
  }
}

}  // namespace
}  // namespace nunc
