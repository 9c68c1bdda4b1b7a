#include "core/transaction.h"

#include <algorithm>

#include "base/limits.h"

namespace nunc {

Transaction::Added Transaction::Add(const Command& command) {
  const bool twice = std::any_of(writes_.begin(), writes_.end(),
                                 [&](const Write& write) { return write.key == command.key; });
  if (twice) {
    return Added::kTwice;
  }
  const std::size_t bytes = bytes_ + command.key.size() + command.value.size();
  if (writes_.size() == kTransactionWritesMax || bytes > kTransactionBytesMax) {
    return Added::kLimit;
  }
  Write& write = writes_.emplace_back(Write{
      .key = std::string(command.key), .value = std::string(command.value), .command = command});
  write.command.key = write.key;
  write.command.value = write.value;
  bytes_ = bytes;
  return Added::kYes;
}

bool MayBeHeld(const Command& command) {
  switch (command.verb) {
    case Verb::kSet:
    case Verb::kSetSafe:
    case Verb::kPut:
    case Verb::kIncrement:
    case Verb::kRemove:
      return command.edit == nullptr && !command.if_tags && command.if_not_tags.empty();
    default:
      return false;
  }
}

}  // namespace nunc
