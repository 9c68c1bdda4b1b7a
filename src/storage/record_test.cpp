#include "storage/record.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/little_endian.h"
#include "storage/record_fixture.h"

namespace nunc {
namespace {

constexpr Term kTerm{5};
constexpr std::uint64_t kChain = 0x1122334455667788;

// Where the fields stand, said again so that a moved field is seen.
constexpr std::size_t kTypeAt = 40;
constexpr std::size_t kFlagsAt = 41;
constexpr std::size_t kKeyLengthAt = 42;
constexpr std::size_t kValueLengthAt = 44;
constexpr std::size_t kVersionAt = 48;
constexpr std::size_t kPreviousAt = 56;

std::string SetBytes() {
  return Encode(SetRecord(9, "key", "value").get(), kTerm, kChain);
}

// The bytes as one allocation of their own, so that a sanitizer sees a read past the end.
Result<std::optional<DecodedRecord>> DecodeExact(RecordDecoder& decoder, std::string_view bytes,
                                                 std::uint64_t chain,
                                                 std::unique_ptr<char[]>& kept) {
  kept = std::make_unique<char[]>(bytes.size());
  bytes.copy(kept.get(), bytes.size());
  return decoder.Decode({kept.get(), bytes.size()}, chain);
}

// Why these bytes are refused; "" when they are not.
std::string Refusal(std::string_view bytes, std::uint64_t chain = kChain) {
  RecordDecoder decoder;
  std::unique_ptr<char[]> kept;
  const auto decoded = DecodeExact(decoder, bytes, chain, kept);
  if (decoded) {
    return "";
  }
  EXPECT_EQ(decoded.error().fault, Fault::kDamaged);
  return decoded.error().detail;
}

// The same for bytes that were changed on purpose: their checksum is right.
std::string RefusalOfResealed(std::string bytes) {
  Reseal(bytes, kChain);
  RecordDecoder decoder;
  std::unique_ptr<char[]> kept;
  const auto decoded = DecodeExact(decoder, bytes, kChain, kept);
  if (decoded) {
    return "";
  }
  EXPECT_TRUE(decoder.refused_intact());
  return decoded.error().detail;
}

TEST(Record, EachKindComesBackAsItWasWritten) {
  std::string log;
  std::uint64_t chain = 0;
  for (const OwnedRecord& record : OneOfEachKind()) {
    const std::size_t before = log.size();
    AppendRecord(log, record.get(), kTerm, chain);
    EXPECT_EQ(log.size() - before, EncodedBytes(record.get()));
    EXPECT_EQ(log.size() % 8, 0U);
  }
  RecordDecoder decoder;
  std::string_view rest = log;
  std::uint64_t read_chain = 0;
  for (const OwnedRecord& record : OneOfEachKind()) {
    const auto decoded = decoder.Decode(rest, read_chain);
    ASSERT_TRUE(decoded && decoded->has_value());
    EXPECT_EQ(Describe(Have(decoded).record), Describe(record.get()));
    EXPECT_EQ(Have(decoded).term, kTerm);
    EXPECT_FALSE(Have(decoded).quiet);
    read_chain = Have(decoded).checksum;
    rest.remove_prefix(Have(decoded).bytes);
  }
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(read_chain, chain);
}

TEST(Record, ItsHeadIsWhereTheChainGoesOn) {
  std::uint64_t chain = kChain;
  std::string bytes;
  AppendRecord(bytes, SetRecord(9, "key", "value").get(), kTerm, chain);
  const RecordHead head = HeadOfRecord(bytes + "more");
  EXPECT_EQ(head.bytes, bytes.size());
  EXPECT_EQ(head.end.term, kTerm);
  EXPECT_EQ(head.end.revision, Revision{9});
  EXPECT_EQ(head.end.time_us, 1'000'009);
  EXPECT_EQ(head.end.checksum, chain);
}

TEST(Record, EveryLengthThatIsTooShortAsksForMore) {
  for (const OwnedRecord& record : OneOfEachKind()) {
    const std::string bytes = Encode(record.get(), kTerm, kChain);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      RecordDecoder decoder;
      std::unique_ptr<char[]> kept;
      const auto decoded = DecodeExact(decoder, bytes.substr(0, length), kChain, kept);
      ASSERT_TRUE(decoded.has_value()) << length;
      EXPECT_FALSE(decoded->has_value()) << length;
      EXPECT_EQ(decoder.bytes_needed(), length < 64 ? 64 : bytes.size());
    }
  }
}

TEST(Record, EveryFlippedBitIsSeen) {
  for (const OwnedRecord& record : OneOfEachKind()) {
    const std::string bytes = Encode(record.get(), kTerm, kChain);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string damaged = bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      RecordDecoder decoder;
      std::unique_ptr<char[]> kept;
      const auto decoded = DecodeExact(decoder, damaged, kChain, kept);
      EXPECT_FALSE(decoded.has_value() && decoded->has_value()) << bit;
      EXPECT_FALSE(decoder.refused_intact()) << bit;
    }
  }
}

TEST(Record, IsNotReadBehindAnotherRecordThanItWasWrittenBehind) {
  EXPECT_EQ(Refusal(SetBytes()), "");
  EXPECT_EQ(Refusal(SetBytes(), kChain + 1),
            "checksum: its bytes have changed, or it was not written behind these records");
}

TEST(Record, ALengthThatCannotBeIsRefusedBeforeAnythingElse) {
  for (const std::uint32_t length : {0U, 8U, 63U, 65U, 71U, 0x0100'0008U, 0xFFFF'FFF8U}) {
    std::string bytes = SetBytes();
    PutLittle(bytes.data(), length);
    EXPECT_EQ(Refusal(bytes), "length " + std::to_string(length) + " is none of a record");
  }
}

TEST(Record, ARecordOfTheLargestSizeIsReadAndOneByteMoreIsNot) {
  const std::string value(kRecordBytesMax - kRecordHeaderBytes - 3, 'v');
  const OwnedRecord record = SetRecord(9, "key", value);
  ASSERT_EQ(EncodedBytes(record.get()), kRecordBytesMax);
  const std::string bytes = Encode(record.get(), kTerm, kChain);
  RecordDecoder decoder;
  const auto decoded = decoder.Decode(bytes, kChain);
  ASSERT_TRUE(decoded && decoded->has_value());
  EXPECT_EQ(Have(decoded).record.items.front().value, value);

  const std::string larger = value + "v";
  const OwnedRecord too_large = SetRecord(9, "key", larger);
  EXPECT_GT(EncodedBytes(too_large.get()), kRecordBytesMax);
  EXPECT_DEATH(Encode(too_large.get(), kTerm, kChain), "kRecordBytesMax");
  std::string claims = bytes;
  PutLittle(claims.data(), static_cast<std::uint32_t>(kRecordBytesMax + 8));
  EXPECT_EQ(Refusal(claims), "length 16777224 is none of a record");
}

TEST(Record, ATypeOfANewerVersionIsNamed) {
  for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{11}, std::uint8_t{23}}) {
    std::string bytes = SetBytes();
    PutLittle(bytes.data() + kTypeAt, type);
    EXPECT_EQ(RefusalOfResealed(bytes),
              "type " + std::to_string(type) + " is not known to this version");
  }
}

TEST(Record, UnknownFlagsAreRefused) {
  std::string bytes = SetBytes();
  PutLittle(bytes.data() + kFlagsAt, std::uint8_t{64});
  EXPECT_EQ(RefusalOfResealed(bytes), "flags 64 are not known to this version");
}

TEST(Record, PaddingMustBeZero) {
  std::string bytes = Encode(SetRecord(9, "key", "").get(), kTerm, kChain);
  bytes.back() = 'x';
  EXPECT_EQ(RefusalOfResealed(bytes), "padding that is not zero");
}

TEST(Record, TheFieldsMustFillTheLength) {
  std::string bytes = SetBytes();
  PutLittle(bytes.data() + kKeyLengthAt, std::uint16_t{4});
  PutLittle(bytes.data() + kValueLengthAt, std::uint32_t{0});
  EXPECT_EQ(RefusalOfResealed(bytes), "padding that is not zero");
  PutLittle(bytes.data() + kValueLengthAt, std::uint32_t{5});
  EXPECT_EQ(RefusalOfResealed(bytes), "length 72 where the fields have 73");
  PutLittle(bytes.data() + kValueLengthAt, std::uint32_t{0xFFFF'FFFF});
  EXPECT_NE(RefusalOfResealed(bytes), "");
  PutLittle(bytes.data() + kKeyLengthAt, std::uint16_t{0});
  PutLittle(bytes.data() + kValueLengthAt, std::uint32_t{0});
  EXPECT_EQ(RefusalOfResealed(bytes), "length 72 where the fields have 64");
}

TEST(Record, AVersionFitsThirtyTwoBits) {
  std::string bytes = SetBytes();
  PutLittle(bytes.data() + kVersionAt, std::uint64_t{0xFFFF'FFFF});
  EXPECT_EQ(RefusalOfResealed(bytes), "");
  PutLittle(bytes.data() + kVersionAt, std::uint64_t{0x1'0000'0000});
  EXPECT_EQ(RefusalOfResealed(bytes), "version 4294967296 is above the largest one");
}

TEST(Record, SessionSequenceExpiryAndOwnerAreReadWhereTheirFlagsSaySo) {
  std::string bytes = SetBytes().substr(0, 64);
  for (std::uint64_t field = 101; field <= 105; ++field) {
    bytes.append(8, '\0');
    PutLittle(bytes.data() + bytes.size() - 8, field);
  }
  bytes += "keyvalue";
  PutLittle(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  PutLittle(bytes.data() + kFlagsAt, std::uint8_t{1 | 2 | 4 | 8 | 16});
  Reseal(bytes, kChain);
  RecordDecoder decoder;
  const auto decoded = decoder.Decode(bytes, kChain);
  ASSERT_TRUE(decoded && decoded->has_value());
  EXPECT_EQ(Have(decoded).record.retry, (RetryId{.session = 101, .sequence = 102}));
  const Lifetime expected{.expires_us = 103, .owner = 104, .grace_us = 105};
  EXPECT_EQ(Have(decoded).record.items.front().lifetime, expected);
  EXPECT_TRUE(Have(decoded).quiet);
  EXPECT_EQ(Have(decoded).record.items.front().key, "key");
  EXPECT_EQ(Have(decoded).record.items.front().value, "value");
  EXPECT_TRUE(Have(decoded).record.items.front().in_conflict);
  EXPECT_EQ(KeyOfRecord(bytes).key, "key");
  EXPECT_EQ(KeyOfRecord(bytes).database, Have(decoded).record.database);

  bytes.replace(bytes.size() - 5, 5, 5, '\0');
  PutLittle(bytes.data() + kKeyLengthAt, std::uint16_t{3});
  PutLittle(bytes.data() + kValueLengthAt, std::uint32_t{0});
  PutLittle(bytes.data() + kTypeAt, std::to_underlying(RecordType::kRemove));
  PutLittle(bytes.data() + kFlagsAt, std::uint8_t{1 | 2 | 4 | 16});
  EXPECT_EQ(RefusalOfResealed(bytes), "a lifetime where no key gets one");
}

TEST(Record, ASequenceIsWrittenAndReadAgainWithEachKindOfWrite) {
  const RetryId retry{.session = 101, .sequence = 102, .begins = true};
  const RecordItem set{.type = RecordType::kSet, .key = "k", .value = "v", .version = 3};
  const RecordItem remove{.type = RecordType::kRemove, .key = "l"};
  for (const auto& [type, items] : std::vector<std::pair<RecordType, std::vector<RecordItem>>>{
           {RecordType::kSet, {set}},
           {RecordType::kRemove, {remove}},
           {RecordType::kBatch, {set, remove}}}) {
    const OwnedRecord plain({.type = type, .database = {3}, .revision = {9}, .time_us = 9}, items);
    Record record = plain.get();
    const std::string without = Encode(record, kTerm, kChain);
    record.retry = retry;
    const std::string bytes = Encode(record, kTerm, kChain);
    EXPECT_EQ(bytes.size(), without.size() + 16);
    EXPECT_EQ(bytes.size(), EncodedBytes(record));
    RecordDecoder decoder;
    const auto decoded = decoder.Decode(bytes, kChain);
    ASSERT_TRUE(decoded && decoded->has_value());
    EXPECT_EQ(Have(decoded).record.retry, retry);
    EXPECT_EQ(Have(decoded).record.items.size(), items.size());
    EXPECT_EQ(Have(decoded).record.items.front().key, items.front().key);
  }
}

TEST(Record, ASequenceThatCannotBeAWritesIsRefused) {
  const std::string refusal = "a session and a sequence that cannot be those of a write";
  const RecordItem set{.type = RecordType::kSet, .key = "k", .value = "v"};
  const OwnedRecord plain(
      {.type = RecordType::kSet, .database = {3}, .revision = {9}, .time_us = 9}, {set});
  Record record = plain.get();
  record.retry = {.session = 1, .sequence = 1};
  std::string bytes = Encode(record, kTerm, kChain);
  EXPECT_EQ(RefusalOfResealed(bytes), "");
  PutLittle(bytes.data() + 72, std::uint64_t{0});
  EXPECT_EQ(RefusalOfResealed(bytes), refusal);
  PutLittle(bytes.data() + 72, std::uint64_t{1});
  PutLittle(bytes.data() + 64, std::uint64_t{0});
  EXPECT_EQ(RefusalOfResealed(bytes), refusal);
  PutLittle(bytes.data() + 64, std::uint64_t{1});
  PutLittle(bytes.data() + kTypeAt, std::to_underlying(RecordType::kExpire));
  EXPECT_EQ(RefusalOfResealed(bytes), refusal);
}

TEST(Record, ASequenceIsOfAsManyWritesAsARequestMayHave) {
  const auto refusal_of = [](std::size_t writes) {
    std::vector<RecordItem> items(writes, {.type = RecordType::kSet, .key = "k", .value = "v"});
    items.push_back({.type = RecordType::kSet, .key = "$conflicts_k_7", .value = "resolve"});
    const OwnedRecord owned({.type = RecordType::kBatch, .database = {3}, .revision = {9}}, items);
    Record record = owned.get();
    record.retry = {.session = 1, .sequence = 1};
    RecordDecoder decoder;
    const auto decoded = decoder.Decode(Encode(record, kTerm, kChain), kChain);
    return decoded ? std::string() : decoded.error().detail;
  };
  const std::string refusal = "a session and a sequence that cannot be those of so many writes";
  EXPECT_EQ(refusal_of(0), refusal);
  EXPECT_EQ(refusal_of(kTransactionWritesMax), "");
  EXPECT_EQ(refusal_of(kTransactionWritesMax + 1), refusal);
}

TEST(Record, ALifetimeThatCannotBeOneIsRefused) {
  const OwnedRecord expire(
      {.type = RecordType::kExpire, .database = {3}, .revision = {9}, .time_us = 9},
      {{.type = RecordType::kExpire,
        .key = "k",
        .lifetime = {.expires_us = 1, .owner = 1, .grace_us = 0}}});
  const std::string good = Encode(expire.get(), kTerm, kChain);
  EXPECT_EQ(RefusalOfResealed(good), "");
  constexpr std::size_t kExpiresAt = 64;
  constexpr std::size_t kOwnerAt = 72;
  constexpr std::size_t kGraceAt = 80;
  const auto with = [&](std::size_t at, std::int64_t number) {
    std::string bytes = good;
    PutLittle(bytes.data() + at, number);
    return RefusalOfResealed(bytes);
  };
  EXPECT_EQ(with(kExpiresAt, kExpiresUsMax), "");
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, kExpiresUsMax + 1}) {
    EXPECT_EQ(with(kExpiresAt, bad), "a time of expiry that cannot be one");
  }
  EXPECT_EQ(with(kGraceAt, kExpiresUsMax), "");
  for (const std::int64_t bad : {std::int64_t{-1}, kExpiresUsMax + 1}) {
    EXPECT_EQ(with(kGraceAt, bad), "an owner or a grace that cannot be one");
  }
  EXPECT_EQ(with(kOwnerAt, 0), "an owner or a grace that cannot be one");
  std::string noop = Encode(OneOfEachKind()[0].get(), kTerm, kChain) + std::string(8, '1');
  PutLittle(noop.data(), std::uint32_t{72});
  PutLittle(noop.data() + kFlagsAt, std::uint8_t{2});
  EXPECT_EQ(RefusalOfResealed(noop), "a key's version where there is no key");
}

TEST(Record, AConfigurationIsHandedOnUnread) {
  std::string bytes = Encode(OneOfEachKind().back().get(), kTerm, kChain) + "members.";
  PutLittle(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  PutLittle(bytes.data() + kValueLengthAt, std::uint32_t{8});
  Reseal(bytes, kChain);
  RecordDecoder decoder;
  const auto decoded = decoder.Decode(bytes, kChain);
  ASSERT_TRUE(decoded && decoded->has_value());
  EXPECT_EQ(Have(decoded).record.members, "members.");
}

TEST(Record, WhatAKindDoesNotHaveIsRefused) {
  const auto all = OneOfEachKind();
  std::string noop = Encode(all[0].get(), kTerm, kChain);
  PutLittle(noop.data() + kVersionAt, std::uint64_t{1});
  EXPECT_EQ(RefusalOfResealed(noop), "a key's version where there is no key");
  PutLittle(noop.data() + kVersionAt, std::uint64_t{0});
  PutLittle(noop.data() + kPreviousAt, std::uint64_t{1});
  EXPECT_EQ(RefusalOfResealed(noop), "a key's version where there is no key");
  noop = Encode(all[0].get(), kTerm, kChain) + "12345678";
  PutLittle(noop.data(), std::uint32_t{72});
  PutLittle(noop.data() + kKeyLengthAt, std::uint16_t{8});
  EXPECT_EQ(RefusalOfResealed(noop), "a key where there is none");
  PutLittle(noop.data() + kKeyLengthAt, std::uint16_t{0});
  PutLittle(noop.data() + kValueLengthAt, std::uint32_t{8});
  EXPECT_EQ(RefusalOfResealed(noop), "a value where there is none");

  std::string mark = Encode(all[3].get(), kTerm, kChain);
  PutLittle(mark.data() + kFlagsAt, std::uint8_t{0});
  EXPECT_EQ(RefusalOfResealed(mark), "a mark that is not in conflict");
  std::string remove = Encode(all[5].get(), kTerm, kChain);
  PutLittle(remove.data() + kFlagsAt, std::uint8_t{8});
  EXPECT_EQ(RefusalOfResealed(remove), "a key in conflict where there is none");
  PutLittle(remove.data() + kFlagsAt, std::uint8_t{0});
  PutLittle(remove.data() + kKeyLengthAt, std::uint16_t{4});
  PutLittle(remove.data() + kValueLengthAt, std::uint32_t{1});
  EXPECT_EQ(RefusalOfResealed(remove), "a value where there is none");
}

TEST(Record, ANewDatabaseHasAStrategyAndALevelThatAreKnown) {
  std::string bytes = Encode(OneOfEachKind()[1].get(), kTerm, kChain);
  const std::size_t value_at = 64 + 4;
  bytes[value_at] = 3;
  EXPECT_EQ(RefusalOfResealed(bytes), "strategy 3 is not known to this version");
  bytes[value_at] = 0;
  bytes[value_at + 1] = 2;
  EXPECT_EQ(RefusalOfResealed(bytes), "");
  bytes[value_at + 1] = 3;
  EXPECT_EQ(RefusalOfResealed(bytes), "level 3 is not known to this version");
  PutLittle(bytes.data() + kKeyLengthAt, std::uint16_t{11});
  PutLittle(bytes.data() + kValueLengthAt, std::uint32_t{1});
  EXPECT_EQ(RefusalOfResealed(bytes), "a new database without strategy and level");
}

// A batch whose list of items is these bytes.
std::string BatchOf(std::string_view list) {
  std::string bytes = Encode(OneOfEachKind()[4].get(), kTerm, kChain).substr(0, 64);
  bytes += list;
  bytes.append((8 - bytes.size() % 8) % 8, '\0');
  PutLittle(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  PutLittle(bytes.data() + kValueLengthAt, static_cast<std::uint32_t>(list.size()));
  return bytes;
}

std::string Item(std::uint8_t type, std::uint8_t flags, std::string_view key,
                 std::string_view value) {
  std::string bytes(24, '\0');
  PutLittle(bytes.data(), type);
  PutLittle(bytes.data() + 1, flags);
  PutLittle(bytes.data() + 2, static_cast<std::uint16_t>(key.size()));
  PutLittle(bytes.data() + 4, static_cast<std::uint32_t>(value.size()));
  bytes += key;
  bytes += value;
  return bytes;
}

TEST(Record, AListOfItemsThatIsCutAnywhereIsRefused) {
  const std::string list = Item(1, 0, "key", "value") + Item(2, 0, "other", "");
  EXPECT_EQ(RefusalOfResealed(BatchOf(list)), "");
  for (std::size_t length = 0; length < list.size(); ++length) {
    const std::string refusal = RefusalOfResealed(BatchOf(list.substr(0, length)));
    if (length == Item(1, 0, "key", "value").size()) {
      EXPECT_EQ(refusal, "");  // one whole item
    } else if (length == 0) {
      EXPECT_EQ(refusal, "item list: no item");
    } else {
      EXPECT_EQ(refusal, length < 32 ? "item list: item 1: it ends too early"
                                     : "item list: item 2: it ends too early");
    }
  }
}

TEST(Record, AnItemThatCannotBeIsNamed) {
  const std::string good = Item(1, 0, "key", "value");
  EXPECT_EQ(RefusalOfResealed(BatchOf(good + Item(3, 0, "k", ""))),
            "item list: item 2: type 3 is not known to this version");
  EXPECT_EQ(RefusalOfResealed(BatchOf(Item(1, 1, "k", ""))),
            "item list: item 1: flags 1 are not known to this version");
  EXPECT_EQ(RefusalOfResealed(BatchOf(good + Item(2, 0, "k", "v"))),
            "item list: item 2: a value where there is none");
  EXPECT_EQ(RefusalOfResealed(BatchOf(Item(8, 0, "k", ""))),
            "item list: item 1: a mark that is not in conflict");
  std::string large = Item(1, 0, "k", "");
  PutLittle(large.data() + 4, std::uint32_t{0xFFFF'FFFF});
  EXPECT_EQ(RefusalOfResealed(BatchOf(large)), "item list: item 1: it ends too early");
  std::string version = Item(1, 0, "k", "");
  PutLittle(version.data() + 8, std::uint64_t{1} << 32);
  EXPECT_EQ(RefusalOfResealed(BatchOf(version)),
            "item list: item 1: version 4294967296 is above the largest one");
}

TEST(Record, CheckedBytesAreReadWithoutTheChainBeforeThem) {
  RecordDecoder decoder;
  const auto decoded = decoder.DecodeChecked(SetBytes());
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->record.revision, Revision{9});
  EXPECT_FALSE(decoder.DecodeChecked(SetBytes().substr(0, 71)).has_value());
}

TEST(Record, AKeyMayBeLongerThanAClientsKey) {
  const std::string key(65'535, 'k');
  const OwnedRecord record = SetRecord(9, key, "v");
  const std::string bytes = Encode(record.get(), kTerm, kChain);
  RecordDecoder decoder;
  const auto decoded = decoder.Decode(bytes, kChain);
  ASSERT_TRUE(decoded && decoded->has_value());
  EXPECT_EQ(Have(decoded).record.items.front().key, key);
}

}  // namespace
}  // namespace nunc
