// What the process says to the shell that started it; docs/operations.md has the same list.
#pragma once

#include "base/result.h"

namespace nunc {

enum class ExitCode : int {
  kOk = 0,
  kUsage = 1,        // a wrong flag, variable or file; nothing was done; no primary
  kUnreachable = 2,  // no server there, or it refused or broke off
  kCannotBind = 3,   // an address or the data folder is taken or may not be used
  kFault = 4,        // the system failed while running
  kDamaged = 5,      // the data folder or a backup is damaged, or of another version
};

// Of a command that reads or makes files. `unavailable`: what that means to it.
constexpr ExitCode CodeOf(Fault fault, ExitCode unavailable) {
  switch (fault) {
    case Fault::kDamaged:
      return ExitCode::kDamaged;
    case Fault::kUnavailable:
      return unavailable;
    case Fault::kInvalid:
    case Fault::kNotFound:
      return ExitCode::kUsage;
    default:
      return ExitCode::kFault;
  }
}

}  // namespace nunc
