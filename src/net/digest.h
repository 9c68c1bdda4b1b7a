// Digests of bytes: one that a protocol asks for, and one that only who knows a key can make.
//
// Source:  FIPS 180-4, RFC 2104; OpenSSL 3.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nunc {

inline constexpr std::size_t kSha1Bytes = 20;
inline constexpr std::size_t kHmacSha256Bytes = 32;

// Proves nothing: only for what RFC 6455 wants of it.
std::string Sha1(std::string_view message);
// To be compared with SecretsEqual of base/secret.h.
std::string HmacSha256(std::string_view key, std::string_view message);

}  // namespace nunc
