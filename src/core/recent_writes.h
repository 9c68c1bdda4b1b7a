// Who made the newest records, and when: what can still be said of a key's last change.
//
// Shape:   a ring by revision. Entries keep no writer, so that none pays memory for it; what has
//          left the ring is not known any more.
// Limits:  kRecentWritesMax records; one more takes the place of the oldest.
// Owner:   Recorder. Note allocates nothing.
// Source:  docs/language.md, `explain`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "core/ids.h"

namespace nunc {

enum class Writer : std::uint8_t {
  kServer,  // nobody's command
  kToken,   // who came with the token of the database
  kAdmin,   // as well, and is one
  kUser,
  kUnknown,  // it was made on another node
};

class RecentWrites {
 public:
  struct Write {
    [[nodiscard]] std::string_view user() const { return {name.data(), size}; }

    Revision revision{};
    std::int64_t time_us = 0;  // since 1970
    Writer writer = Writer::kServer;
    std::array<char, kNameBytesMax> name{};
    std::size_t size = 0;
  };

  RecentWrites() : ring_(kRecentWritesMax) {}

  // `user` is a name, of Writer::kUser.
  void Note(Revision revision, std::int64_t time_us, Writer writer, std::string_view user);
  // Null: not known any more.
  [[nodiscard]] const Write* Find(Revision revision) const;

 private:
  std::vector<Write> ring_;  // at revision modulo its size
};

}  // namespace nunc
