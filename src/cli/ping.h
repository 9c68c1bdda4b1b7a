// `nunc ping`: is a server there, and how long does an answer take.
//
// Units:   milliseconds.
// Errors:  kUnavailable when nobody answers, or something that is not Nunc.
#pragma once

#include "base/result.h"
#include "server/config.h"

namespace nunc {

// The time from sending `ping` to the arrival of `pong`, on a connection that stands already.
Result<double> Ping(const HostPort& server);

}  // namespace nunc
