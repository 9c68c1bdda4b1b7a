#include "net/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/check.h"

namespace nunc {
namespace {

unsigned char* BytesOf(std::string& digest) {
  return reinterpret_cast<unsigned char*>(digest.data());
}

}  // namespace

// Both fail only when there is no memory.

std::string Sha1(std::string_view message) {
  std::string digest(kSha1Bytes, '\0');
  unsigned size = 0;
  const int made =
      EVP_Digest(message.data(), message.size(), BytesOf(digest), &size, EVP_sha1(), nullptr);
  CHECK(made == 1 && size == kSha1Bytes);
  return digest;
}

std::string HmacSha256(std::string_view key, std::string_view message) {
  std::string digest(kHmacSha256Bytes, '\0');
  unsigned size = 0;
  const auto* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                          BytesOf(digest), &size);
  CHECK(made != nullptr && size == kHmacSha256Bytes);
  return digest;
}

}  // namespace nunc
