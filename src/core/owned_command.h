// A command with its own texts, to be run later than the Step that would have got it.
//
// Shape:   made of a Command; get() is that one again, its views into this. An edit stays its
//          maker's, who must outlive this.
// Owner:   who lets the command wait.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/command.h"

namespace nunc {

class OwnedCommand {
 public:
  explicit OwnedCommand(const Command& command);
  OwnedCommand(const OwnedCommand&) = delete;
  OwnedCommand& operator=(const OwnedCommand&) = delete;

  [[nodiscard]] const Command& get() const { return command_; }
  [[nodiscard]] std::size_t bytes() const { return texts_.size(); }

 private:
  std::string texts_;
  std::vector<std::string_view> keys_;
  std::vector<EntryTag> tags_;
  std::vector<EntryTag> not_tags_;
  Command command_;
};

}  // namespace nunc
