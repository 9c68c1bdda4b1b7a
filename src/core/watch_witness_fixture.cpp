#include "core/watch_witness_fixture.h"

#include <cstddef>
#include <optional>
#include <variant>

#include "core/special_keys.h"
#include "core/token.h"

namespace nunc {

// So are those that it overlaps with.
bool WatchWitness::Overlaps(Client& client, std::string_view pattern) {
  const WatchedKeys keys(pattern);
  bool overlaps = false;
  const auto note = [&](const std::string& other) {
    if (other != pattern) {
      overlaps = true;
      client.views.erase(other);
    }
  };
  for (auto other = client.patterns.lower_bound(keys.prefix);
       other != client.patterns.end() && keys.is_pattern && other->starts_with(keys.prefix);
       ++other) {
    note(*other);
  }
  for (std::size_t size = 0; size <= keys.prefix.size(); ++size) {
    const auto other = client.patterns.find(keys.prefix.substr(0, size) + '*');
    if (other != client.patterns.end()) {
      note(*other);
    }
  }
  return overlaps;
}

// Null: it is not looked at.
std::unique_ptr<WatchView> WatchWitness::ViewOf(Client& client, const Command& command) const {
  client.patterns.emplace(command.key);
  const bool overlaps = Overlaps(client, command.key);
  const std::optional<Token> token = command.since == "0" ? Token{} : ParseToken(command.since);
  if (overlaps || (!token && command.policy != WatchPolicy::kAll)) {
    return nullptr;
  }
  auto view = std::make_unique<WatchView>(history_, command.key, client.reader, /*overlaps=*/false,
                                          command.policy, command.every_ms * kUsPerMs);
  if (token) {
    view->ResumeFrom(command.since, token->revision);
  } else {
    view->BeginBehind(newest_);
  }
  return view;
}

void WatchWitness::BeforeRun(SessionId session, const Command& command) {
  Client& client = clients_[session.slot];
  if (command.verb != Verb::kWatch || !client.selected) {
    return;
  }
  replaced_.reset();
  if (const auto old = client.views.find(command.key); old != client.views.end()) {
    replaced_ = std::move(old->second);
    client.views.erase(old);
  }
  if (std::unique_ptr<WatchView> view = ViewOf(client, command); view != nullptr) {
    client.views.emplace(command.key, std::move(view));
  }
}

void WatchWitness::AfterRun(SessionId session, const Command& command, bool fine) {
  Client& client = clients_[session.slot];
  switch (command.verb) {
    case Verb::kWatch:
      if (!fine && client.selected) {
        client.views.erase(std::string(command.key));
        if (replaced_ != nullptr) {
          client.views.emplace(command.key, std::move(replaced_));
        }
      }
      break;
    case Verb::kUnwatch:
    case Verb::kUnwatchAll:
      if (fine && client.selected) {
        const bool all = command.verb == Verb::kUnwatchAll;
        std::erase_if(client.views,
                      [&](const auto& view) { return all || view.first == command.key; });
        std::erase_if(client.patterns,
                      [&](const auto& pattern) { return all || pattern == command.key; });
      }
      break;
    case Verb::kUseDb:
      if (fine) {
        client.selected = command.name == name_;
        if (client.selected && client.reader.user != command.user) {
          Become(client, {.user = std::string(command.user), .admin = client.reader.admin});
        }
      }
      break;
    default:
      break;
  }
}

void WatchWitness::Become(Client& client, const Reader& reader) {
  client.reader = reader;
  for (const auto& [pattern, view] : client.views) {
    view->SetReader(reader);
  }
}

void WatchWitness::OnRecord(const Record& record) {
  newest_ = record.revision;
  if (record.type == RecordType::kCreateDatabase && record.spec.name == name_) {
    database_ = record.database;
  }
  if (record.database != database_) {
    return;
  }
  history_.OnRecord(record);
  if (record.type == RecordType::kDropDatabase) {
    clients_.clear();
  }
}

void WatchWitness::OnOutput(const Output& output) {
  for (const Output::Logged& logged : output.records) {
    OnRecord(logged.record);
  }
  for (const auto& item : output.items) {
    if (const auto* reply = std::get_if<Reply>(&item); reply != nullptr) {
      if (reply->kind == ReplyKind::kAuthValid) {
        Client& client = clients_[reply->session.slot];
        Become(client, {.user = client.reader.user, .admin = true});
      }
      continue;
    }
    const Change& change = std::get<Change>(item);
    for (std::size_t i = 0; change.database == database_ && i < change.count; ++i) {
      Hear(clients_[output.targets.at(change.first + i).slot], change);
    }
  }
}

void WatchWitness::Hear(Client& client, const Change& change) {
  if (change.key == kConnectionsKey) {
    return;
  }
  for (const auto& [pattern, view] : client.views) {
    if (!view->Wants(change)) {
      continue;
    }
    if (const std::string broken = view->OnEvent(change); !broken.empty()) {
      broken_.push_back(std::string(pattern).append(": ").append(broken));
    }
  }
  const bool about_key = change.kind == ChangeKind::kSet || change.kind == ChangeKind::kRemoved;
  bool wanted = client.patterns.contains(change.key);
  for (std::size_t size = 0; size <= change.key.size() && !wanted; ++size) {
    wanted = client.patterns.contains(std::string(change.key.substr(0, size)).append("*"));
  }
  if (about_key && !wanted) {
    broken_.push_back("filter: nobody watches " + std::string(change.key));
  }
}

}  // namespace nunc
