// `nunc cluster recover`: of the folder of one member of a cluster that has lost its majority, the
// folder that begins another cluster.
//
// Shape:   the folder of the member is read and stays as it is; what it holds becomes another
//          folder, of a new cluster and history, as a restore makes one.
// Errors:  kCannotBind: a server has the folder. kUsage: it is no member's, or the loss is not
//          accepted; then what there is was said, and nothing was done. Else as exit_code.h.
// Source:  docs/cluster.md.
#pragma once

#include "cli/arguments.h"
#include "cli/data_tools.h"
#include "cli/exit_code.h"

namespace nunc {

ExitCode RecoverCluster(const RecoverArguments& arguments, const Printer& printer);

}  // namespace nunc
