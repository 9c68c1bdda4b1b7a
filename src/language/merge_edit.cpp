#include "language/merge_edit.h"

#include "base/limits.h"

namespace nunc {

std::unique_ptr<ValueEdit> MergeEdit::Make(std::string_view source) {
  auto edit = std::make_unique<MergeEdit>();
  return edit->Read(source) == JsonFault::kNone ? std::move(edit) : nullptr;
}

JsonFault MergeEdit::Read(std::string_view patch) {
  patch_ = patch;
  return merge_.ReadPatch(patch_);
}

// What comes of it can be patched again.
bool MergeEdit::Edit(std::string_view stored, std::string& fresh) {
  return merge_.Apply(stored, fresh) && fresh.size() <= kMergeBytesMax;
}

}  // namespace nunc
