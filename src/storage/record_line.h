// One record as a line of JSON, for people and their tools.
//
// Shape:   `{"revision":7,"term":1,"time":"2026-11-24T10:00:00.000000Z","type":"set",...}`. Values
//          of `$$` keys and tokens are left out: "masked":true. Text that is not UTF-8 comes as
//          "value_base64".
// Source:  docs/formats.md (lines of the log).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/record.h"

namespace nunc {

// `database` is its name where it is known, else empty.
std::string RecordLine(const DecodedRecord& decoded, std::string_view database);

// 2026-11-24T10:00:00.000000Z
std::string TimeText(std::int64_t time_us);

}  // namespace nunc
