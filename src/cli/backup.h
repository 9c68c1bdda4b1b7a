// `nunc backup` and `nunc restore`.
//
// Shape:   a backup is written beside its name, verified, synced and only then named so. A restore
//          verifies the file to its end before anything is written. What fails leaves a folder as
//          it was.
// Errors:  as exit_code.h; each with one line to `say`, which names the file and the place in it.
// Source:  docs/backup.md.
#pragma once

#include "cli/arguments.h"
#include "cli/data_tools.h"
#include "cli/exit_code.h"

namespace nunc {

ExitCode MakeBackup(const BackupArguments& arguments, const Printer& printer);
ExitCode RestoreFolder(const RestoreFolderArguments& arguments, const Printer& printer);
ExitCode RestoreDatabase(const RestoreDatabaseArguments& arguments, const Printer& printer);

}  // namespace nunc
