#include "cli/cluster.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "language/json.h"

namespace nunc {
namespace {

constexpr std::string_view kTitle = "cluster-state ";

struct Column {
  std::string_view title;
  std::string_view field;
};
constexpr std::array kColumns = std::to_array<Column>({{"ID", "id"},
                                                       {"PRIORITY", "priority"},
                                                       {"STANDING", "standing"},
                                                       {"LINKED", "linked"},
                                                       {"LAG", "lag"},
                                                       {"CLIENTS", "client"},
                                                       {"NODES", "peer"}});

// As a person reads it; `-`: the node did not say.
std::string ValueOf(std::span<const JsonMember> members, std::string_view field) {
  const auto member = std::ranges::find(members, field, &JsonMember::name);
  if (member == members.end() || member->type == JsonType::kNull) {
    return "-";
  }
  if (member->type == JsonType::kBool) {
    return member->integer != 0 ? "yes" : "no";
  }
  if (member->type != JsonType::kString) {
    return std::string(member->raw);
  }
  // An address comes from another node, and must not steer the terminal.
  std::string text(member->text);
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) <= 0x20; }, '?');
  return text.empty() ? "-" : text;
}

using Line = std::vector<std::string>;

void PrintTable(const std::vector<Line>& lines, const Printer& printer) {
  for (const Line& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      std::size_t width = 0;
      for (const Line& other : lines) {
        width = std::max(width, other[i].size());
      }
      text.append(line[i]);
      text.append(i + 1 < line.size() ? width + 2 - line[i].size() : 0, ' ');
    }
    printer.print(text);
  }
}

// False: it is no list of members.
bool TakeMembers(std::string_view raw, std::vector<Line>& lines) {
  JsonReader reader;
  JsonElements elements(raw);
  for (std::string_view element; elements.Next(element);) {
    if (reader.ReadObject(element) != JsonFault::kNone) {
      return false;
    }
    Line& line = lines.emplace_back();
    for (const Column& column : kColumns) {
      line.push_back(ValueOf(reader.members(), column.field));
    }
  }
  return true;
}

}  // namespace

ExitCode ShowClusterStatus(std::string_view answer, const Printer& printer) {
  const std::size_t at = answer.find(kTitle);
  JsonReader reader;
  if (at == std::string_view::npos ||
      reader.ReadObject(answer.substr(at + kTitle.size())) != JsonFault::kNone) {
    printer.say(answer.substr(answer.find(';') + 1));
    return ExitCode::kUnreachable;
  }
  const std::span<const JsonMember> fields = reader.members();
  const auto list = std::ranges::find(fields, "members", &JsonMember::name);
  std::vector<Line> lines(1);
  for (const Column& column : kColumns) {
    lines.front().emplace_back(column.title);
  }
  if (list == fields.end() || list->type != JsonType::kArray || !TakeMembers(list->raw, lines)) {
    printer.say("the answer holds no list of members");
    return ExitCode::kUnreachable;
  }
  const std::string primary = ValueOf(fields, "primary");
  printer.print("node " + ValueOf(fields, "id") + " is " + ValueOf(fields, "role") + ", term " +
                ValueOf(fields, "term") + ", primary " + primary + ", final up to " +
                ValueOf(fields, "commit") + " of " + ValueOf(fields, "head"));
  PrintTable(lines, printer);
  return primary == "-" ? ExitCode::kUsage : ExitCode::kOk;
}

}  // namespace nunc
