// Records for the tests of this room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/result.h"
#include "core/record.h"
#include "storage/record.h"

namespace nunc {

// A record with the item that it shows.
class OwnedRecord {
 public:
  explicit OwnedRecord(Record record, std::vector<RecordItem> items = {});
  OwnedRecord(const OwnedRecord& other);
  OwnedRecord& operator=(const OwnedRecord&) = delete;
  ~OwnedRecord() = default;

  [[nodiscard]] const Record& get() const { return record_; }

 private:
  std::vector<RecordItem> items_;
  Record record_;
};

// What must be there for the test to make sense.
template <class T>
const T& Have(const std::optional<T>& value) {
  CHECK(value.has_value());
  return *value;
}
template <class T>
const T& Have(const Result<std::optional<T>>& result) {
  CHECK(result.has_value());
  return Have(*result);
}

// One of each kind that can be written, with revisions from 1.
std::vector<OwnedRecord> OneOfEachKind();

OwnedRecord SetRecord(std::uint64_t revision, std::string_view key, std::string_view value);

// What AppendRecord adds.
std::string Encode(const Record& record, Term term, std::uint64_t chain);

// Puts the checksum of these bytes where it belongs, as if they had been written so.
void Reseal(std::string& record, std::uint64_t chain);

// All that a record says, in one text, so that two can be compared.
std::string Describe(const Record& record);

}  // namespace nunc
