// How `cluster-state` is answered, in NQL and in JSON.
//
// Shape:   rows as ReplyKind::kCluster and kClusterJson have them.
// Source:  docs/language.md (cluster-state); docs/reference-server.md §2.3.
#pragma once

#include <span>
#include <string>

#include "core/output.h"

namespace nunc {

// ` ADDRESS(self):Primary , ADDRESS(Connected):Secoundary,`
void AppendMembersText(std::string& out, std::span<const Output::Row> rows);
// One object, without a line feed.
void AppendMembersJson(std::string& out, std::span<const Output::Row> rows);

}  // namespace nunc
