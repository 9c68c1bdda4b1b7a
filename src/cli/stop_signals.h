// SIGINT and SIGTERM as something to read, for a command that waits.
//
// Errors:  kIo when the system has no descriptor left.
// Thread:  the one that calls; both stay blocked there.
#pragma once

#include "base/result.h"
#include "posix/descriptor.h"

namespace nunc {

Result<Descriptor> StopSignals();

}  // namespace nunc
