#include "core/delta_walk.h"

#include <algorithm>

namespace nunc {

void DeltaWalk::Join(const std::shared_ptr<DeltaWalk>& self,
                     const std::shared_ptr<PatternWatch>& watch) {
  CatchUp& catch_up = *watch->catch_up;
  from_ = std::min(from_, catch_up.from);
  catch_up.walk = self;
  catch_up.member = members_.size();
  by_prefix_[watch->prefix].push_back(members_.size());
  lengths_.insert(watch->prefix.size());
  members_.emplace_back(watch);
}

void DeltaWalk::Leave(CatchUp& catch_up) {
  if (catch_up.walk != nullptr) {
    catch_up.from = std::max(catch_up.from, catch_up.walk->passed());
    catch_up.walk = nullptr;
    catch_up.phase = CatchUp::Phase::kBehind;
  }
}

void DeltaWalk::Start() {
  if (!walk_) {
    walk_.emplace(database_.revision_order(), RevisionWalk::From::kNewest);
    upto_ = database_.newest_revision();
  }
}

void DeltaWalk::GoBack() {
  const Entry* entry = walk_->Previous();
  goes_back_ = entry != nullptr && entry->revision() > from_;
}

std::shared_ptr<PatternWatch> DeltaWalk::At(std::size_t member) const {
  const std::shared_ptr<PatternWatch> watch = members_[member].lock();
  const CatchUp* catch_up = watch == nullptr ? nullptr : watch->catch_up.get();
  const bool here =
      catch_up != nullptr && catch_up->walk.get() == this && catch_up->member == member;
  return here ? watch : nullptr;
}

std::shared_ptr<PatternWatch> DeltaWalk::First() {
  for (; first_ < members_.size(); ++first_) {
    if (std::shared_ptr<PatternWatch> watch = At(first_); watch != nullptr) {
      return watch;
    }
  }
  return nullptr;
}

std::vector<std::shared_ptr<PatternWatch>> DeltaWalk::All() const {
  std::vector<std::shared_ptr<PatternWatch>> all;
  for (std::size_t member = first_; member < members_.size(); ++member) {
    if (std::shared_ptr<PatternWatch> watch = At(member); watch != nullptr) {
      all.push_back(std::move(watch));
    }
  }
  return all;
}

}  // namespace nunc
