// One POST to the HTTP door.
//
// Errors:  kInvalid for what is not an http or https URL; kUnavailable when no answer came or its
//          status is not 200.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace nunc {

// The body of the answer to `POST /` with `body`.
Result<std::string> Post(const std::string& url, std::string_view body);

}  // namespace nunc
