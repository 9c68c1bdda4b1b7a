#include "requests.h"

#include <utility>

#include "die.h"

namespace nunc::bench {

std::string KeyName(std::uint32_t number) {
  const std::string digits = std::to_string(number);
  return "key:" + std::string(kKeyBytes - 4 - digits.size(), '0') + digits;
}

std::vector<std::uint32_t> ShuffledNumbers(std::uint32_t count) {
  std::vector<std::uint32_t> numbers(count);
  for (std::uint32_t i = 0; i < count; ++i)
    numbers[i] = i;
  std::uint64_t state = 1;
  for (std::uint32_t i = count; i > 1; --i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const auto pick = static_cast<std::uint32_t>((state >> 33U) % i);
    std::swap(numbers[i - 1], numbers[pick]);
  }
  return numbers;
}

namespace {

// Printable text in which no two runs of a few bytes are the same.
void FillWithNoise(std::string& value, std::uint64_t& state) {
  constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-";
  for (char& letter : value) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    letter = kLetters[state >> 58U];
  }
}

}  // namespace

Requests::Requests(const Options& options, Operation operation, std::uint32_t pipeline) {
  const Dialect& dialect = options.target.dialect;
  std::string value(options.value_bytes, 'x');
  std::uint64_t state = 1;
  count_ = options.keys / pipeline;
  for (const std::uint32_t number : ShuffledNumbers(options.keys)) {
    if (bytes_.size() == count_ * stride_ && stride_ != 0) break;
    if (options.noise) FillWithNoise(value, state);
    const std::string key = KeyName(number);
    const std::string request =
        operation == Operation::kGet ? dialect.Get(key) : dialect.Set(key, value);
    if (stride_ == 0) {
      stride_ = request.size() * pipeline;
      bytes_.reserve(count_ * stride_);
    }
    bytes_ += request;
  }
  if (bytes_.size() != count_ * stride_) Die("requests of one run must be equally long");
  const std::string one =
      operation == Operation::kGet ? dialect.GetReply(value) : dialect.SetReply();
  for (std::uint32_t i = 0; i < pipeline; ++i)
    reply_ += one;
}

void Fill(const Options& options) {
  constexpr std::uint32_t kFillPipeline = 100;
  if (options.keys % kFillPipeline != 0) Die("--keys must be a multiple of 100");
  const Requests requests(options, Operation::kSet, kFillPipeline);
  const Connection connection = Connection::Open(options.target);
  for (std::size_t i = 0; i < requests.Count(); ++i) {
    connection.Ask(requests.Batch(i), requests.Reply());
  }
}

}  // namespace nunc::bench
