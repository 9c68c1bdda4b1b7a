#include "transport/peer_links.h"

#include <algorithm>
#include <sys/epoll.h>
#include <utility>

#include "base/log.h"

namespace nunc {
namespace {

constexpr std::int64_t kPeerLookUs = 500'000;
constexpr std::int64_t kPeerWordUs = 1'000'000;
// A listener that nobody can be taken from would make the loop spin.
constexpr std::int64_t kPeerAcceptPauseUs = 100'000;

// Other connections must leave descriptors for all that can be here.
constexpr int kOwnFilesReserved = 32;
static_assert(kDescriptorsReserved >=
              kOwnFilesReserved + int{kPeerLinksMax} + int{kPeerHandshakesMax});

}  // namespace

PeerLinks::PeerLinks(PeerWorld world, Listener listener, PeerOptions options)
    : world_(world),
      listener_(std::move(listener)),
      options_(std::move(options)),
      read_buffer_(kReadBytesPerTurn),
      now_us_(MonotonicUs()) {}

PeerLinks::~PeerLinks() {
  if (registration_.fd >= 0) {
    loop().Remove(registration_);
  }
}

Result<void> PeerLinks::Start() {
  const Result<Loop::Registration> added = loop().Add(listener_.socket.fd(), EPOLLIN, *this);
  if (!added) {
    return tl::unexpected<Error>(added.error());
  }
  registration_ = *added;
  return {};
}

// ---- the turn

void PeerLinks::Turn(std::int64_t now_us) {
  now_us_ = now_us;
  if (now_us >= accept_again_us_) {
    ResumeAccepting();
  }
  const bool looks = now_us >= next_look_us_;
  for (const auto& link : links_) {
    link->CheckTime(now_us);
    if (looks) {
      link->CheckPeer();
    }
  }
  if (looks) {
    next_look_us_ = now_us + kPeerLookUs;
  }
  TellEnded();
}

// An event may dial, and that fail at once: the news of it waits for the next turn, or there might
// be no end of them.
void PeerLinks::TellEnded() {
  const LinkId last{last_id_};
  while (ended_ > 0) {
    const auto found = std::ranges::find_if(links_, [&](const auto& link) {
      return link->state() == PeerLink::State::kEnded && link->id() <= last;
    });
    if (found == links_.end()) {
      return;
    }
    const std::unique_ptr<PeerLink> link = std::move(*found);
    links_.erase(found);
    --ended_;
    link->Tell(events());
  }
}

std::int64_t PeerLinks::next_us() const {
  std::int64_t next_us = accept_again_us_;
  for (const auto& link : links_) {
    switch (link->state()) {
      case PeerLink::State::kEnded:
        return now_us_;
      case PeerLink::State::kOpen:
        next_us = std::min(next_us, next_look_us_);
        break;
      case PeerLink::State::kConnecting:
      case PeerLink::State::kProving:
      case PeerLink::State::kClosing:
        next_us = std::min(next_us, link->end_by_us());
        break;
    }
  }
  return next_us;
}

void PeerLinks::Flush() {
  for (const auto& link : links_) {
    link->Flush();
  }
}

// ---- what the node wants

PeerLink& PeerLinks::Add(PeerLink::Purpose purpose, std::string_view address) {
  return *links_.emplace_back(
      std::make_unique<PeerLink>(*this, LinkId{++last_id_}, purpose, address));
}

void PeerLinks::Reach(PeerLink::Purpose purpose, std::string_view address) {
  const bool had_room = !full();
  PeerLink& link = Add(purpose, address);
  if (had_room) {
    link.Connect();
  } else {
    link.End(DialFailure::kUnreachable, kTooManyPeerLinks);
  }
}

void PeerLinks::Dial(std::string_view address) {
  Reach(PeerLink::Purpose::kDial, address);
}

void PeerLinks::Probe(std::string_view address) {
  Reach(PeerLink::Purpose::kProbe, address);
}

void PeerLinks::Send(LinkId link, std::string_view bytes) {
  if (PeerLink* found = Find(link); found != nullptr) {
    found->Send(bytes);
  }
}

void PeerLinks::Close(LinkId link) {
  if (PeerLink* found = Find(link); found != nullptr) {
    found->Close();
  }
}

PeerLink* PeerLinks::Find(LinkId link) {
  const auto id_of = [](const auto& each) { return each->id(); };
  const auto found = std::ranges::lower_bound(links_, link, {}, id_of);
  return found != links_.end() && (*found)->id() == link ? found->get() : nullptr;
}

bool PeerLinks::full() const {
  const auto counts = [](const auto& link) {
    return link->state() != PeerLink::State::kEnded && !link->stranger();
  };
  return std::cmp_greater_equal(std::ranges::count_if(links_, counts), kPeerLinksMax);
}

// ---- who comes

std::size_t PeerLinks::strangers() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(links_, [](const auto& link) { return link->stranger(); }));
}

void PeerLinks::OnReady(std::uint32_t /*events*/) {
  for (std::size_t i = 0; i < kAcceptsPerTurn; ++i) {
    Socket socket;
    switch (AcceptTcp(listener_.socket, socket)) {
      case AcceptOutcome::kNone:
        return;
      case AcceptOutcome::kNoResources:
        return PauseAccepting();
      case AcceptOutcome::kAccepted:
        Welcome(std::move(socket));
        break;
    }
  }
}

void PeerLinks::Welcome(Socket socket) {
  if (full()) {
    NoteRefused(kTooManyPeerLinks);
  } else if (strangers() >= kPeerHandshakesMax) {
    NoteRefused("too many others have yet to prove the secret");
  } else {
    Add(PeerLink::Purpose::kAccepted, {}).Accept(std::move(socket));
  }
}

void PeerLinks::PauseAccepting() {
  LogWarn("no file descriptor is left for a link that another node wants");
  loop().Change(registration_, 0);
  accept_again_us_ = now_us_ + kPeerAcceptPauseUs;
}

void PeerLinks::ResumeAccepting() {
  loop().Change(registration_, EPOLLIN);
  accept_again_us_ = INT64_MAX;
}

void PeerLinks::NoteRefused(std::string_view why) {
  ++refused_;
  if (now_us_ >= next_word_us_) {
    next_word_us_ = now_us_ + kPeerWordUs;
    LogWarn(
        "links refused count=" + std::to_string(refused_ - std::exchange(refused_told_, refused_)) +
        ": " + std::string(why));
  }
}

}  // namespace nunc
