// How `metrics-state` is answered, in NQL and in JSON.
//
// Units:   bytes, milliseconds; of the times of deliveries microseconds.
// Source:  docs/language.md (metrics-state); docs/reference-server.md §2.3.
#pragma once

#include <span>
#include <string>

#include "core/output.h"

namespace nunc {

// One line as existing monitoring reads it, and an empty one.
void AppendMetricsText(std::string& out, const Counters& counters);
// One object, without a line feed. `rows`: as ReplyKind::kMetricsJson has them.
void AppendMetricsJson(std::string& out, const Counters& counters,
                       std::span<const Output::Row> rows);

}  // namespace nunc
