// The keys of a run in random order, and their requests written once.
//
// Shape:   every key once; batch i holds `pipeline` requests, all batches are equally long, so that
//          sending one costs the generator nothing but the system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "options.h"

namespace nunc::bench {

inline constexpr std::size_t kKeyBytes = 16;

// "key:" and twelve digits.
std::string KeyName(std::uint32_t number);
// 0 to count - 1, shuffled the same way in every run.
std::vector<std::uint32_t> ShuffledNumbers(std::uint32_t count);

class Requests {
 public:
  Requests(const Options& options, Operation operation, std::uint32_t pipeline);

  [[nodiscard]] std::size_t Count() const { return count_; }
  [[nodiscard]] std::string_view Batch(std::size_t index) const {
    return std::string_view(bytes_).substr(index * stride_, stride_);
  }
  // What the server must answer to any batch, byte for byte.
  [[nodiscard]] std::string_view Reply() const { return reply_; }

 private:
  std::string bytes_;
  std::string reply_;
  std::size_t count_ = 0;
  std::size_t stride_ = 0;
};

// Sets every key of the run, over one connection, and checks each answer.
void Fill(const Options& options);

}  // namespace nunc::bench
