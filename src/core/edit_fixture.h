// An edit for tests, which any node can make of its source.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/command.h"

namespace nunc {

// Appends to what is there; cannot work on what ends in an exclamation mark.
class Appending final : public ValueEdit {
 public:
  explicit Appending(std::string_view more) : more_(more) {}
  // Of a source; null: of one that nobody knows.
  static std::unique_ptr<ValueEdit> Make(std::string_view source) {
    return source == "unknown" ? nullptr : std::make_unique<Appending>(source);
  }

  [[nodiscard]] std::string_view source() const override { return more_; }
  bool Edit(std::string_view stored, std::string& fresh) override {
    fresh.assign(stored).append(more_);
    return !stored.ends_with('!');
  }

 private:
  std::string more_;
};

}  // namespace nunc
