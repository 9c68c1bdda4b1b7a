#include "language/cluster_reply.h"

#include <string_view>

#include "language/json.h"

namespace nunc {
namespace {

// Existing clients know a secondary by this spelling.
std::string_view WordOf(SeenRole role) {
  switch (role) {
    case SeenRole::kStartingUp:
      return "StartingUp";
    case SeenRole::kSecondary:
      return "Secoundary";
    case SeenRole::kPrimary:
      break;
  }
  return "Primary";
}

bool IsText(std::string_view field) {
  return field == "role" || field == "standing" || field == "peer" || field == "client" ||
         field == "refused";
}

void AppendFieldValue(std::string& out, const Output::Row& row) {
  if (row.name == "primary" && row.version == 0) {
    out += "null";
  } else if (row.name == "linked") {
    out += row.detail;
  } else if (IsText(row.name)) {
    AppendJsonString(out, row.detail);
  } else {
    // An id may have all 64 bits.
    out += std::to_string(static_cast<std::uint64_t>(row.version));
  }
}

}  // namespace

void AppendMembersText(std::string& out, std::span<const Output::Row> rows) {
  for (const Output::Row& row : rows) {
    out.append(" ").append(row.name).append("(").append(row.detail).append("):");
    out += WordOf(static_cast<SeenRole>(row.version));
    out += row.detail == "self" ? " ," : ",";
  }
}

void AppendMembersJson(std::string& out, std::span<const Output::Row> rows) {
  bool in_members = false;
  out += '{';
  for (const Output::Row& row : rows) {
    if (row.name == kMemberRow) {
      out += in_members ? "},{" : ",\"members\":[{";
      in_members = true;
    }
    out += out.back() == '{' ? "\"" : ",\"";
    out.append(row.name == kMemberRow ? "id" : row.name).append("\":");
    AppendFieldValue(out, row);
  }
  out += in_members ? "}]}" : ",\"members\":[]}";
}

}  // namespace nunc
