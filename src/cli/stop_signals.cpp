#include "cli/stop_signals.h"

#include <csignal>
#include <sys/signalfd.h>

namespace nunc {

Result<Descriptor> StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  Descriptor stop(signalfd(-1, &signals, SFD_CLOEXEC));
  if (stop.fd() < 0) {
    return Fail(Fault::kIo, "cannot wait for signals");
  }
  return stop;
}

}  // namespace nunc
