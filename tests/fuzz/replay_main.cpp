// Runs a fuzz target over kept inputs, without a fuzzing engine: `replay DIRECTORY...`.
//
// Errors:  exit 1 when a directory cannot be read or holds no file, so that a lost corpus is seen.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

bool ReplayFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() && !file.eof()) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    return false;
  }
  // An exact-size copy on the heap, so that a sanitizer sees a read past the end.
  const std::vector<std::uint8_t> input(bytes.begin(), bytes.end());
  std::fprintf(stderr, "%s: %zu bytes\n", path.c_str(), input.size());
  return LLVMFuzzerTestOneInput(input.data(), input.size()) == 0;
}

bool ReplayDirectory(const std::filesystem::path& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path());
    }
  }
  if (error || files.empty()) {
    std::fprintf(stderr, "%s: no inputs found\n", directory.c_str());
    return false;
  }
  std::sort(files.begin(), files.end());
  return std::all_of(files.begin(), files.end(), ReplayFile);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::filesystem::path> directories(argv + 1, argv + argc);
  const bool replayed =
      std::all_of(directories.begin(), directories.end(), ReplayDirectory) && !directories.empty();
  return replayed ? 0 : 1;
}
