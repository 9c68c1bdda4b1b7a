// seal FILE FROM LENGTH: writes the checksum of LENGTH bytes from FROM on behind them.
//
// For tests that change a field of a file of the data folder and want it whole again: the checksums
// of docs/formats.md at the end of a meta slot, a segment header and a snapshot head.
#include <cstdint>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <span>
#include <string>

#include "base/hash.h"

int main(int argc, char** argv) {
  const std::span<char*> words(argv, static_cast<std::size_t>(argc));
  if (words.size() != 4) {
    std::cerr << "usage: seal FILE FROM LENGTH\n";
    return 1;
  }
  try {
    const std::streamoff from = std::stol(words[2]);
    std::string bytes(std::stoul(words[3]), '\0');
    std::fstream file(words[1], std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(from);
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const std::uint64_t checksum = nunc::HashBytes(bytes, 0);
    std::string text(sizeof(checksum), '\0');
    std::memcpy(text.data(), &checksum, sizeof(checksum));
    file.seekp(from + static_cast<std::streamoff>(bytes.size()));
    file << text << std::flush;
    return file ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
