// permessage-deflate for whole messages, without context takeover in either direction.
//
// Shape:   one z_stream each, reset for every message, so that one Deflater and one Inflater serve
//          all connections of a loop. zlib's memory (about 256 KB and 40 KB) comes with first use.
// Errors:  Inflate says what is wrong with a peer's bytes; memory exhaustion ends the process.
// Thread:  one.
// Source:  RFC 7692 §7.2.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct z_stream_s;  // zlib.h is needed in the .cpp only

namespace nunc {

class Deflater {
 public:
  Deflater();
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // Replaces `output` with the compressed message, its 00 00 ff ff tail removed as RFC 7692 §7.2.1
  // asks. False when that is not smaller than `input`; `output` is then empty.
  bool Compress(std::string_view input, std::string& output);

 private:
  std::unique_ptr<z_stream_s> stream_;
};

enum class InflateOutcome : unsigned char { kOk, kTooLarge, kCorrupt };

class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Replaces `output` with the message that `input` (without its tail) holds. `output` never grows
  // past `output_bytes_max`; its content is unspecified unless kOk.
  InflateOutcome Inflate(std::string_view input, std::size_t output_bytes_max, std::string& output);

 private:
  std::unique_ptr<z_stream_s> stream_;
};

}  // namespace nunc
