#include "core/owned_command.h"

namespace nunc {

OwnedCommand::OwnedCommand(const Command& command)
    : keys_(command.keys.begin(), command.keys.end()),
      not_tags_(command.if_not_tags.begin(), command.if_not_tags.end()),
      command_(command) {
  std::vector<std::string_view*> views{&command_.name,   &command_.key,   &command_.user,
                                       &command_.secret, &command_.since, &command_.value,
                                       &command_.after};
  for (std::string_view& key : keys_) {
    views.push_back(&key);
  }
  std::size_t bytes = 0;
  for (const std::string_view* view : views) {
    bytes += view->size();
  }
  texts_.reserve(bytes);  // so that it never moves
  for (std::string_view* view : views) {
    const std::size_t at = texts_.size();
    texts_ += *view;
    *view = std::string_view(texts_).substr(at);
  }
  command_.keys = keys_;
  command_.if_not_tags = not_tags_;
  if (command.if_tags) {
    tags_.assign(command.if_tags->begin(), command.if_tags->end());
    command_.if_tags = tags_;
  }
}

}  // namespace nunc
