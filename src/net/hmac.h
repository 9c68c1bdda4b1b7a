// HMAC-SHA256: who knows the key can make it, nobody else can.
//
// Source:  RFC 2104, FIPS 180-4; OpenSSL 3.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nunc {

inline constexpr std::size_t kHmacSha256Bytes = 32;

// To be compared with SecretsEqual of base/secret.h.
std::string HmacSha256(std::string_view key, std::string_view message);

}  // namespace nunc
