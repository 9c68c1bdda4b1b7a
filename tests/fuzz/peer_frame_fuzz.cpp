// Frames of other nodes from hostile bytes: each that is accepted is written again byte for byte,
// and every shorter piece of it is waited for.
//
// Input: bytes of a link. Their first four are put right, which no search by chance would find.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/little_endian.h"
#include "cluster/members.h"
#include "cluster/message.h"

namespace {

void CheckShorter(std::string_view frame) {
  for (std::size_t length = 0; length < frame.size(); length += 1 + length / 16) {
    // One allocation of its own, so that a sanitizer sees a read past the end.
    const auto piece = std::make_unique<char[]>(length);
    frame.copy(piece.get(), length);
    const auto decoded = nunc::DecodeFrame({piece.get(), length});
    CHECK(decoded.has_value() && !decoded->has_value());
  }
}

void CheckMembers(std::string_view bytes) {
  const auto members = nunc::DecodeMembers(bytes);
  if (members) {
    CHECK(nunc::EncodeMembers(*members) == bytes);
  } else {
    CHECK(!members.error().detail.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(data, data + size);
  CheckMembers(bytes);
  if (size >= nunc::kFrameHeaderBytes) {
    nunc::PutLittle(bytes.data(), static_cast<std::uint32_t>(size));
  }
  const auto decoded = nunc::DecodeFrame(bytes);
  if (!decoded) {
    CHECK(decoded.error().fault == nunc::Fault::kDamaged && !decoded.error().detail.empty());
    return 0;
  }
  if (decoded->has_value()) {
    std::string again;
    nunc::EncodeFrame((*decoded)->frame, again);
    CHECK(again == bytes);
    CheckShorter(bytes);
  }
  return 0;
}
