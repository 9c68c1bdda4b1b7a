// A JSON merge patch (RFC 7396) as an edit of a stored value.
//
// Shape:   Read, then as ValueEdit; its source is the patch, from which another node makes the
// same. Limits:  kMergeBytesMax of the patch, of the value and of what comes of them. Owner:
// whoever asks for the edit; loop thread only. Source:  docs/http.md (PATCH).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/command.h"
#include "language/json.h"

namespace nunc {

class MergeEdit final : public ValueEdit {
 public:
  // Of a source; null: it is none.
  static std::unique_ptr<ValueEdit> Make(std::string_view source);

  JsonFault Read(std::string_view patch);
  [[nodiscard]] std::string_view source() const override { return patch_; }
  bool Edit(std::string_view stored, std::string& fresh) override;

 private:
  std::string patch_;
  JsonMerge merge_;
};

}  // namespace nunc
