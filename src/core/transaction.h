// Writes of one session that wait for `exec`, to be made as one.
//
// Shape:   Add keeps a copy of a write. A refused one spoils the transaction: `exec` does nothing.
// Units:   bytes of keys and values.
// Limits:  kTransactionWritesMax, kTransactionBytesMax; at the limit Add refuses.
// Owner:   the session.
// Source:  docs/language.md (transactions).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/command.h"
#include "core/place.h"

namespace nunc {

class Transaction {
 public:
  struct Write {
    std::string key;
    std::string value;
    Command command;  // its views are into the two
  };
  enum class Added : std::uint8_t { kYes, kTwice, kLimit };

  Added Add(const Command& command);
  void Spoil() { spoiled_ = true; }

  [[nodiscard]] const std::deque<Write>& writes() const { return writes_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool spoiled() const { return spoiled_; }

 private:
  std::deque<Write> writes_;  // never moves them
  std::size_t bytes_ = 0;
  bool spoiled_ = false;
};

// Whether it is a write that can wait with others.
bool MayBeHeld(const Command& command);

// What the executor keeps of those of all sessions.
struct Transactions {
  std::size_t open_bytes = 0;
  std::vector<PlannedWrite>* plan = nullptr;  // where writes go that may still come to nothing
  bool announces_more = false;                // changes of one record that has several
  std::vector<std::unique_ptr<Transaction>> executed;  // of this turn: outputs have views into it
};

}  // namespace nunc
