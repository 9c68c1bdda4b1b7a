#include "core/session.h"

#include <array>
#include <charconv>
#include <cstddef>

namespace nunc {
namespace {

constexpr std::size_t kDigitsOfHalf = 16;

void AppendHalf(std::string& out, std::uint64_t half) {
  std::array<char, kDigitsOfHalf> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), half, 16);
  const auto size = static_cast<std::size_t>(written.ptr - digits.data());
  out.append(digits.size() - size, '0').append(digits.data(), size);
}

bool ReadHalf(std::string_view digits, std::uint64_t& half) {
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), half, 16);
  return fault == std::errc{} && end == digits.data() + digits.size();
}

}  // namespace

std::string FormatSessionName(const SessionName& name) {
  if (name == SessionName{}) {
    return "-";
  }
  std::string text;
  AppendHalf(text, name.high);
  AppendHalf(text, name.low);
  return text;
}

std::optional<SessionName> ParseSessionName(std::string_view text) {
  SessionName name;
  const bool good = text.size() == 2 * kDigitsOfHalf &&
                    ReadHalf(text.substr(0, kDigitsOfHalf), name.high) &&
                    ReadHalf(text.substr(kDigitsOfHalf), name.low) && !(name == SessionName{});
  return good ? std::optional(name) : std::nullopt;
}

Writer Session::writer() const {
  if (!user.empty()) {
    return Writer::kUser;
  }
  return admin ? Writer::kAdmin : Writer::kToken;
}

bool Session::is_arbiter() const {
  if (arbiter_elsewhere || database == nullptr) {
    return arbiter_elsewhere;
  }
  const auto watching = FindWatching(*database);
  return watching != nullptr &&
         database->watches().Contains(*watching, kConflictsKey, database->Hash(kConflictsKey));
}

std::shared_ptr<WatchingSession> Session::FindWatching(const Database& in) const {
  for (const DatabaseWatches& watching : watches) {
    if (watching.database == &in) {
      return watching.watches;
    }
  }
  return nullptr;
}

std::shared_ptr<WatchingSession> Session::WatchingIn(Database& in) {
  if (std::shared_ptr<WatchingSession> found = FindWatching(in); found != nullptr) {
    return found;
  }
  watches.push_back({.database = &in, .watches = std::make_shared<WatchingSession>(id, in)});
  watches.back().watches->user = user;
  watches.back().watches->knows_ready = knows_ready;
  watches.back().watches->set_lagging(lagging);
  watches.back().watches->set_allowance(&allowance);
  return watches.back().watches;
}

}  // namespace nunc
