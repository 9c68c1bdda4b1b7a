// What can be done to a data folder without a server: look at it, check it, repair it.
//
// Shape:   each prints to `print` and gives an exit code; only Repair with kKeep changes anything.
// Errors:  ExitCode::kDamaged where something is; kCannotBind: a server has the folder (Repair).
// Source:  docs/durability.md, docs/formats.md.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/exit_code.h"
#include "node/recovery.h"

namespace nunc {

struct Printer {
  std::function<void(std::string_view line)> print;
  std::function<void(std::string_view complaint)> say;
};

// `path`: one segment of an op log, or a folder with all of them. One line of JSON per record.
ExitCode DumpOplog(const std::string& path, const Printer& printer);

// Verifies every checksum in the folder; one line per file.
ExitCode CheckFolder(const std::string& folder, const Printer& printer);

ExitCode RepairFolder(const std::string& folder, RepairMode mode, const Printer& printer);

}  // namespace nunc
