#include "sim/dialed_net.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace nunc {

DialedNet::DialedNet(SimSchedule& schedule, std::uint64_t seed, std::size_t machines)
    : schedule_(schedule), prng_(seed), events_(machines, nullptr), cut_(machines, false) {
  for (std::size_t machine = 0; machine < machines; ++machine) {
    ends_.push_back(std::make_unique<Endpoint>(*this, machine));
  }
}

void DialedNet::SetProcess(std::size_t machine, PeerEvents* events) {
  events_[machine] = events;
  if (events != nullptr) {
    return;
  }
  std::vector<std::uint64_t> own;
  for (const auto& [id, half] : halves_) {
    if (half.machine == machine) {
      own.push_back(id);
    }
  }
  for (const std::uint64_t id : own) {
    Drop({id});
  }
}

// What was sent meanwhile is lost, so that links end at both ends, at the latest when all is
// healed.
void DialedNet::CutOff(std::size_t machine, bool cut) {
  cut_[machine] = cut;
  for (const auto& [id, half] : halves_) {
    const auto other = halves_.find(half.link);
    if (half.machine == machine || (other != halves_.end() && other->second.machine == machine)) {
      schedule_.After(cut ? kSilenceUs : Delay(), [this, id = id] { End(id); });
    }
  }
}

void DialedNet::Try(std::size_t from, std::string_view address, bool opens) {
  std::size_t to = 0;
  std::from_chars(address.data(), address.data() + address.size(), to);
  schedule_.After(Delay(), [this, from, to, opens, address = std::string(address)] {
    if (events_[from] == nullptr) {
      return;
    }
    if (!Reaches(from, to)) {
      events_[from]->OnDialFailed(address, DialFailure::kUnreachable, "no answer");
    } else if (events_[to] == nullptr) {
      events_[from]->OnDialFailed(address, DialFailure::kRefused, "nobody listens there");
    } else if (opens) {
      Open(from, to, address);
    }
  });
}

void DialedNet::Open(std::size_t from, std::size_t to, const std::string& address) {
  const std::uint64_t dialed = next_link_++;
  const std::uint64_t accepted = next_link_++;
  halves_[dialed] = {.machine = from, .link = accepted, .last_us = 0, .unused = {}};
  halves_[accepted] = {.machine = to, .link = dialed, .last_us = 0, .unused = {}};
  events_[to]->OnLinkOpen({accepted}, LinkOrigin::kAccepted, {});
  if (events_[from] != nullptr) {
    events_[from]->OnLinkOpen({dialed}, LinkOrigin::kDialed, address);
  }
}

void DialedNet::Carry(LinkId link, std::string_view bytes) {
  const auto half = halves_.find(link.value);
  const auto other = half == halves_.end() ? halves_.end() : halves_.find(half->second.link);
  if (other == halves_.end() || !Reaches(half->second.machine, other->second.machine)) {
    return;
  }
  half->second.last_us = std::max(half->second.last_us, schedule_.now_us() + Delay());
  schedule_.At(half->second.last_us,
               [this, to = half->second.link, bytes = std::string(bytes)] { Arrive(to, bytes); });
}

void DialedNet::Arrive(std::uint64_t link, const std::string& bytes) {
  const auto half = halves_.find(link);
  if (half == halves_.end() || events_[half->second.machine] == nullptr) {
    return;
  }
  half->second.unused += bytes;
  const std::string all = half->second.unused;
  const std::size_t used = events_[half->second.machine]->OnLinkBytes({link}, all);
  if (const auto still = halves_.find(link); still != halves_.end()) {
    still->second.unused.erase(0, used);
  }
}

// The other end hears of it behind what is on the way.
void DialedNet::Drop(LinkId link) {
  const auto half = halves_.find(link.value);
  if (half == halves_.end()) {
    return;
  }
  const std::int64_t at_us = std::max(half->second.last_us, schedule_.now_us() + Delay());
  schedule_.At(at_us, [this, other = half->second.link] { End(other); });
  halves_.erase(half);
}

void DialedNet::End(std::uint64_t link) {
  const auto half = halves_.find(link);
  if (half == halves_.end()) {
    return;
  }
  PeerEvents* events = events_[half->second.machine];
  halves_.erase(half);
  if (events != nullptr) {
    events->OnLinkClosed({link}, "it is gone");
  }
}

}  // namespace nunc
