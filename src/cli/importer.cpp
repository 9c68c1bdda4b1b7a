#include "cli/importer.h"

#include <utility>
#include <variant>

#include "core/conflicts.h"
#include "core/store_walk.h"

namespace nunc {

Importer::Importer(AdminClient& client, Store& store, const Database& database, Revision end,
                   std::string_view as)
    : client_(client),
      store_(store),
      database_(database),
      end_(end),
      as_(as),
      path_("/v1/import?db=" + client.Escape(as)),
      progress_("restore", database.live_keys(), Progress::Unit::kCount) {}

Importer::Pass Importer::PassOf(std::string_view key) {
  if (key == kTokenKey) {
    return Pass::kToken;
  }
  if (IsSecureKey(key)) {
    return Pass::kSecrets;
  }
  return key.starts_with(kConflictKeyPrefix) ? Pass::kConflicts : Pass::kPlain;
}

Result<void> Importer::Run() {
  builder_.Begin(database_.State());
  Result<void> done;
  for (const Pass pass : {Pass::kPlain, Pass::kConflicts, Pass::kSecrets, Pass::kToken}) {
    done = done ? SendPass(pass) : done;
  }
  done = done ? SendPart() : done;
  return done ? done : GiveUp(done.error());
}

Result<void> Importer::SendPass(Pass pass) {
  StoreWalk walk(store_, end_, database_.id());
  for (;;) {
    const StoreWalk::Item item = walk.Next();
    if (std::holds_alternative<std::monostate>(item)) {
      return {};
    }
    const auto* entry = std::get_if<EntryState>(&item);
    if (entry == nullptr || entry->removed || PassOf(entry->key) != pass) {
      continue;
    }
    EntryState sent = *entry;
    std::string renamed;
    if (pass == Pass::kConflicts) {
      renamed = RenamedConflict(entry->value);
      sent.value = renamed;
    }
    if (Result<void> added = Add(sent); !added) {
      return added;
    }
  }
}

Result<void> Importer::Add(const EntryState& entry) {
  const std::size_t bytes = entry.key.size() + entry.value.size();
  if (part_bytes_ > 0 && (builder_.full() || part_bytes_ + bytes > kPartBytes)) {
    if (Result<void> sent = SendPart(); !sent) {
      return sent;
    }
  }
  builder_.Add(entry);
  part_bytes_ += bytes;
  return {};
}

Result<void> Importer::SendPart() {
  const Result<std::string> answer =
      client_.PostBlock(id_.empty() ? path_ : path_ + "&id=" + id_, builder_.Take());
  if (!answer) {
    return tl::unexpected(answer.error());
  }
  id_ = *answer;
  part_bytes_ = 0;
  progress_.Show(builder_.entries());
  return {};
}

tl::unexpected<Error> Importer::GiveUp(Error error) {
  if (!id_.empty()) {
    error.detail += client_.PostBlock(path_ + "&id=" + id_, "")
                        ? "; the database " + as_ + " was removed again"
                        : "; what there is of the database " + as_ +
                              " opens for nobody, and is replaced when it is restored again";
  }
  return tl::unexpected(std::move(error));
}

// `resolve ID DATABASE ...`
std::string Importer::RenamedConflict(std::string_view text) const {
  constexpr std::string_view kVerb = "resolve ";
  const std::size_t id_end = text.find(' ', kVerb.size());
  const std::string old = " " + database_.name() + " ";
  if (!text.starts_with(kVerb) || id_end == std::string_view::npos ||
      !text.substr(id_end).starts_with(old)) {
    return std::string(text);
  }
  return std::string(text.substr(0, id_end + 1))
      .append(as_)
      .append(text.substr(id_end + old.size() - 1));
}

}  // namespace nunc
