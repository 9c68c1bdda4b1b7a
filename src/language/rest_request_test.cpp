#include "language/rest_request.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace nunc {
namespace {

RestTarget Parsed(std::string_view method, std::string_view target) {
  RestTarget out;
  const std::optional<RestRefusal> refusal = ParseRestTarget(method, target, out);
  EXPECT_FALSE(refusal) << target << ": " << refusal->message;
  return out;
}

RestRefusal Refused(std::string_view method, std::string_view target) {
  RestTarget out;
  const std::optional<RestRefusal> refusal = ParseRestTarget(method, target, out);
  EXPECT_TRUE(refusal) << target;
  return refusal.value_or(RestRefusal{.status = 0});
}

TEST(RestRequest, ThePathNamesTheDatabaseAndTheKey) {
  const RestTarget plain = Parsed("GET", "/v1/db/shop/keys/price");
  EXPECT_EQ(plain.resource, RestResource::kKey);
  EXPECT_EQ(plain.db, "shop");
  EXPECT_EQ(plain.key, "price");
  EXPECT_EQ(Parsed("PUT", "/v1/db/s/keys/a/b//c").key, "a/b//c");
  EXPECT_EQ(Parsed("PUT", "/v1/db/%C3%a9/keys/a%2Fb%20c+d").db, "\u00e9");
  EXPECT_EQ(Parsed("PUT", "/v1/db/s/keys/a%2Fb%20c+d").key, "a/b c+d");
  EXPECT_EQ(Parsed("DELETE", "/v1/db/s/keys/").key, "");
  EXPECT_EQ(Parsed("POST", "/v1/db/s/batch").resource, RestResource::kBatch);
}

TEST(RestRequest, TheQueryIsReadAsAFormIs) {
  const RestTarget scan = Parsed("GET", "/v1/db/s/keys?prefix=a%2F&after=a+b&limit=10");
  EXPECT_EQ(scan.resource, RestResource::kKeys);
  EXPECT_EQ(scan.prefix, "a/");
  EXPECT_EQ(scan.after, "a b");
  EXPECT_EQ(scan.limit, 10);
  const RestTarget watch = Parsed("GET", "/v1/db/s/watch?prefix=&&access_token=t%26&user=u");
  EXPECT_EQ(watch.prefix, "");
  EXPECT_EQ(Parsed("GET", "/v1/db/s/keys?prefix=a/*").prefix, "a/*");
  EXPECT_EQ(watch.access_token, "t&");
  EXPECT_EQ(watch.user, "u");
  EXPECT_EQ(Parsed("GET", "/v1/db/s/watch?key=k").key, "k");
  EXPECT_EQ(Parsed("GET", "/v1/db/s/keys?limit=-5").limit, -5);
}

TEST(RestRequest, ATimeToLiveIsForWhatIsPut) {
  EXPECT_EQ(Parsed("PUT", "/v1/db/s/keys/k?ttl=60000").ttl_ms, 60'000);
  EXPECT_EQ(Parsed("PUT", "/v1/db/s/keys/k?ttl=-1").ttl_ms, -1);  // which the core refuses
  EXPECT_EQ(Parsed("PUT", "/v1/db/s/keys/k").ttl_ms, std::nullopt);
  for (const std::string_view method : {"GET", "PATCH", "DELETE"}) {
    EXPECT_EQ(Refused(method, "/v1/db/s/keys/k?ttl=1").message, "ttl must be given with PUT alone");
  }
  EXPECT_EQ(Refused("PUT", "/v1/db/s/keys/k?ttl=1s").message, "ttl must be an integer");
  EXPECT_EQ(Refused("GET", "/v1/db/s/keys?ttl=1").field, "ttl");
}

TEST(RestRequest, WhatIsNotThereIs404) {
  for (const std::string_view path :
       {"/v1", "/v1/", "/v1/db", "/v1/db/", "/v1/db/s", "/v1/db/s/", "/v1/db//keys", "/v1/db/s/key",
        "/v1/db/s/watch/", "/v1/db/s/batch/x", "/v2/db/s/keys"}) {
    EXPECT_EQ(Refused("GET", path).status, 404) << path;
  }
  EXPECT_TRUE(IsRestPath("/v1"));
  EXPECT_TRUE(IsRestPath("/v1?x"));
  EXPECT_TRUE(IsRestPath("/v1/x"));
  EXPECT_FALSE(IsRestPath("/v1x"));
  EXPECT_FALSE(IsRestPath("/?/v1/"));
}

TEST(RestRequest, AMethodThatAPathDoesNotHaveIs405AndSaysWhichItHas) {
  EXPECT_EQ(Refused("POST", "/v1/db/s/keys/k").allow, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
  EXPECT_EQ(Refused("PUT", "/v1/db/s/keys").status, 405);
  EXPECT_EQ(Refused("GET", "/v1/db/s/batch").status, 405);
  EXPECT_EQ(Refused("POST", "/v1/openapi.json").allow, "GET, HEAD, OPTIONS");
  EXPECT_EQ(Refused("HEAD", "/v1/db/s/watch?key=k").status, 405);
  EXPECT_EQ(Refused("", "/v1/db/s/keys").status, 405);
  EXPECT_EQ(Refused("GET,", "/v1/db/s/keys").status, 405);
}

TEST(RestRequest, AnEscapeIsTwoDigitsAndGivesUtf8) {
  for (const std::string_view bad : {"%", "%4", "%zz", "a%2", "%ff", "%C3", "%-1", "% 1"}) {
    const std::string path = "/v1/db/s/keys/" + std::string(bad);
    EXPECT_EQ(Refused("GET", path).code, "bad-escape") << path;
    EXPECT_EQ(Refused("GET", path).field, "key") << path;
  }
  EXPECT_EQ(Refused("GET", "/v1/db/%ff/keys").field, "db");
  EXPECT_EQ(Refused("GET", "/v1/db/s/keys?prefix=%").field, "prefix");
  EXPECT_EQ(Refused("GET", "/v1/db/s/keys?%=1").code, "bad-escape");
}

TEST(RestRequest, AParameterThatIsUnknownOrGivenTwiceIsRefusedByName) {
  const RestRefusal unknown = Refused("GET", "/v1/db/s/keys?prefx=a");
  EXPECT_EQ(unknown.field, "prefx");
  EXPECT_NE(unknown.message.find("prefix, after, limit"), std::string::npos);
  EXPECT_EQ(Refused("GET", "/v1/db/s/keys?after=1&after=2").field, "after");
  EXPECT_EQ(Refused("GET", "/v1/db/s/keys?limit=1x").field, "limit");
  EXPECT_EQ(Refused("GET", "/v1/db/s/keys?limit=").field, "limit");
  EXPECT_EQ(Refused("GET", "/v1/db/s/keys/k?x").field, "x");
  EXPECT_EQ(Refused("GET", "/v1/db/s/keys?" + std::string(10'000, 'x')).field.size(), 64U);
}

TEST(RestRequest, ATokenIsNotShown) {
  const RestRefusal refusal = Refused("GET", "/v1/db/s/watch?access_token=hush&access_token=hush");
  EXPECT_EQ(refusal.field, "access_token");
  EXPECT_EQ(refusal.message.find("hush"), std::string::npos);
}

TEST(RestRequest, AWatchIsOfAKeyOrOfAPrefix) {
  EXPECT_EQ(Refused("GET", "/v1/db/s/watch").field, "prefix");
  EXPECT_EQ(Refused("GET", "/v1/db/s/watch?key=a&prefix=").field, "prefix");
  EXPECT_EQ(Refused("GET", "/v1/db/s/watch?key=a*").field, "key");
}

TEST(RestRequest, TagsAreOursWithTheirQuotes) {
  const EntryTag tag{3, {41}};
  EXPECT_EQ(FormatEntityTag(tag), "\"3-41\"");
  EXPECT_EQ(FormatEntityTag({-2, {41}}), "\"-2-41\"");
  for (const std::string_view header : {"\"3-41\"", " \"x\" , \"3-41\" ", "*", "\"\",\"3-41\"",
                                        "\"a,b\",\"3-41\"", ",, \"3-41\" ,,\"x\","}) {
    EntityTags tags;
    EXPECT_TRUE(tags.Add(header, EntityTags::Comparison::kStrong)) << header;
    EXPECT_TRUE(tags.Matches(tag)) << header;
  }
  for (const std::string_view header :
       {"\"3-42\"", "\"2-41\"", "W/\"3-41\"", "\"03-41\"", "\"3-41 \"", "\"3-\"", "", "\"+3-41\"",
        "\"3-0\"", "\"3-99999999999999999999\""}) {
    EntityTags tags;
    EXPECT_TRUE(tags.Add(header, EntityTags::Comparison::kStrong)) << header;
    EXPECT_FALSE(tags.Matches(tag)) << header;
    EXPECT_TRUE(tags.given);
  }
  EntityTags weak;
  EXPECT_TRUE(weak.Add("W/\"3-41\"", EntityTags::Comparison::kWeak));
  EXPECT_TRUE(weak.Matches(tag));
}

TEST(RestRequest, AMalformedTagIsRefused) {
  for (const std::string_view header : {"3-41", "\"3-41", "\"3-41\" \"4-1\"", "W/", "w/\"3-41\"",
                                        "*, \"3-41\"", ",", ", ,", "\""}) {
    EntityTags tags;
    EXPECT_FALSE(tags.Add(header, EntityTags::Comparison::kStrong)) << header;
  }
}

TEST(RestRequest, WhoAsksComesAsBearerOrBasic) {
  EXPECT_EQ(ParseAuthorization("Bearer t")->token, "t");
  EXPECT_EQ(ParseAuthorization("bEARER  a b")->token, "a b");
  EXPECT_EQ(ParseAuthorization("Bearer t")->user, "");
  const auto login = ParseAuthorization("Basic " + EncodeBase64("ann:to:ken"));
  EXPECT_EQ(login->user, "ann");
  EXPECT_EQ(login->token, "to:ken");
  for (const std::string_view bad :
       {"", "Bearer", "Basic", "Basic !", "Basic YQ==", "Digest x", "Bearerx t"}) {
    EXPECT_FALSE(ParseAuthorization(bad)) << bad;
  }
}

}  // namespace
}  // namespace nunc
