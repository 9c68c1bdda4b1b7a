#include "net/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/check.h"

namespace nunc {

std::string HmacSha256(std::string_view key, std::string_view message) {
  std::string code(kHmacSha256Bytes, '\0');
  unsigned size = 0;
  // Fails only when there is no memory.
  const auto* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                          reinterpret_cast<unsigned char*>(code.data()), &size);
  CHECK(made != nullptr && size == kHmacSha256Bytes);
  return code;
}

}  // namespace nunc
