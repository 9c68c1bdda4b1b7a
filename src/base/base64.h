// Base64 as HTTP's Basic credentials are written, and bytes that are no text.
//
// Errors:  kInvalid for anything that EncodeBase64 does not make.
// Source:  RFC 4648 §4.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace nunc {

std::string EncodeBase64(std::string_view bytes);
Result<std::string> DecodeBase64(std::string_view text);

}  // namespace nunc
