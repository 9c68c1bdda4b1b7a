#include "storage/record_fixture.h"

#include <sstream>
#include <utility>

#include "base/hash.h"
#include "base/little_endian.h"

namespace nunc {

namespace {

constexpr std::size_t kChecksumAt = 8;

}  // namespace

OwnedRecord::OwnedRecord(Record record, std::vector<RecordItem> items)
    : items_(std::move(items)), record_(record) {
  record_.items = items_;
}

OwnedRecord::OwnedRecord(const OwnedRecord& other) : OwnedRecord(other.record_, other.items_) {}

OwnedRecord SetRecord(std::uint64_t revision, std::string_view key, std::string_view value) {
  return OwnedRecord({.type = RecordType::kSet,
                      .database = {3},
                      .revision = {revision},
                      .time_us = static_cast<std::int64_t>(1'000'000 + revision)},
                     {{.type = RecordType::kSet,
                       .key = key,
                       .value = value,
                       .version = 7,
                       .previous = {revision - 1}}});
}

std::vector<OwnedRecord> OneOfEachKind() {
  std::vector<OwnedRecord> all;
  all.push_back(OwnedRecord({.type = RecordType::kNoop, .revision = {1}, .time_us = 11}));
  all.push_back(OwnedRecord({.type = RecordType::kCreateDatabase,
                             .database = {3},
                             .revision = {2},
                             .time_us = 12,
                             .spec = {.name = "shop",
                                      .token = "secret",
                                      .strategy = Strategy::kArbiter,
                                      .level = AckLevel::kDisk}}));
  all.push_back(SetRecord(3, "price", "12"));
  all.push_back(OwnedRecord(
      {.type = RecordType::kMark, .database = {3}, .revision = {4}, .time_us = 14},
      {{.type = RecordType::kMark, .key = "price", .version = 8, .in_conflict = true}}));
  all.push_back(OwnedRecord(
      {.type = RecordType::kBatch, .database = {3}, .revision = {5}, .time_us = 15},
      {{.type = RecordType::kSet, .key = "a", .value = "1", .version = 0, .previous = {0}},
       {.type = RecordType::kSet,
        .key = "b",
        .value = "",
        .version = 0xFFFFFFFF,
        .in_conflict = true,
        .previous = {3}},
       {.type = RecordType::kRemove, .key = "", .version = 2, .previous = {4}},
       {.type = RecordType::kMark, .key = "c", .version = 1, .in_conflict = true}}));
  all.push_back(
      OwnedRecord({.type = RecordType::kRemove, .database = {3}, .revision = {6}, .time_us = 16},
                  {{.type = RecordType::kRemove, .key = "price", .version = 9, .previous = {4}}}));
  all.push_back(
      OwnedRecord({.type = RecordType::kArbiter, .database = {3}, .revision = {7}, .time_us = 17}));
  all.push_back(OwnedRecord(
      {.type = RecordType::kDropDatabase, .database = {3}, .revision = {8}, .time_us = 18}));
  all.push_back(OwnedRecord(
      {.type = RecordType::kSet, .database = {3}, .revision = {9}, .time_us = 19},
      {{.type = RecordType::kSet, .key = "k", .value = "v", .lifetime = {.expires_us = 1}}}));
  all.push_back(OwnedRecord(
      {.type = RecordType::kExpire, .database = {3}, .revision = {10}, .time_us = 20},
      {{.type = RecordType::kExpire,
        .key = "k",
        .version = 4,
        .lifetime = {.expires_us = kExpiresUsMax, .owner = UINT64_MAX, .grace_us = kExpiresUsMax},
        .previous = {10}}}));
  all.push_back(
      OwnedRecord({.type = RecordType::kExpire, .database = {3}, .revision = {11}, .time_us = 21},
                  {{.type = RecordType::kExpire, .key = "k", .version = 4, .previous = {10}}}));
  all.push_back(
      OwnedRecord({.type = RecordType::kBatch, .database = {3}, .revision = {12}, .time_us = 22},
                  {{.type = RecordType::kSet,
                    .key = "a",
                    .value = "1",
                    .lifetime = {.owner = 7, .grace_us = 0}},
                   {.type = RecordType::kExpire,
                    .key = "b",
                    .lifetime = {.expires_us = 5, .owner = 8, .grace_us = 9}},
                   {.type = RecordType::kSet,
                    .key = "c",
                    .value = "",
                    .in_conflict = true,
                    .lifetime = {.expires_us = 6}},
                   {.type = RecordType::kExpire, .key = "d"}}));
  all.push_back(OwnedRecord({.type = RecordType::kConfig, .revision = {13}, .time_us = 23}));
  return all;
}

std::string Encode(const Record& record, Term term, std::uint64_t chain) {
  std::string out;
  AppendRecord(out, record, term, chain);
  return out;
}

void Reseal(std::string& record, std::uint64_t chain) {
  PutLittle(record.data() + kChecksumAt, std::uint64_t{0});
  PutLittle(record.data() + kChecksumAt, HashBytes(record, chain));
}

std::string Describe(const Record& record) {
  std::ostringstream text;
  text << "type " << static_cast<int>(record.type) << " database " << record.database.value
       << " revision " << record.revision.value << " time " << record.time_us << " spec "
       << record.spec.name << ' ' << record.spec.token << ' '
       << static_cast<int>(record.spec.strategy) << static_cast<int>(record.spec.level);
  for (const RecordItem& item : record.items) {
    text << " item " << static_cast<int>(item.type) << " [" << item.key << "] [" << item.value
         << "] version " << item.version << " conflict " << item.in_conflict << " previous "
         << item.previous.value << " expires " << item.lifetime.expires_us << " owner "
         << item.lifetime.owner << " grace " << item.lifetime.grace_us;
  }
  return text.str();
}

}  // namespace nunc
