// A machine that vanishes without a word, as when a cable is pulled: in a network of the test's own
// whose only device is taken down.
#include <cstring>
#include <net/if.h>
#include <optional>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "transport/peer_links_fixture.h"

namespace nunc {
namespace {

bool SetLoopback(short flags) {
  const Socket any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = flags;
  return ioctl(any.fd(), SIOCSIFFLAGS, &request) == 0;
}

bool EnterOwnNetwork() {
  // Who is not root may still be root of a namespace of users.
  const int users = geteuid() == 0 ? 0 : CLONE_NEWUSER;
  return unshare(CLONE_NEWNET | users) == 0 && SetLoopback(IFF_UP);
}

// How long two links last when nothing gets through any more: one that nobody uses, and one with
// bytes on their way. Exit status 0: as it must be.
class Vanishing final : public PeerLinksTest {
 public:
  void TestBody() override {}

  int Try() {
    if (!EnterOwnNetwork()) {
      return 2;
    }
    PeerTestNode& a = AddNode();
    PeerTestNode& b = AddNode();
    const LinkId quiet = Link(a, b).first;
    const LinkId busy = Link(a, b).first;
    if (!SetLoopback(0)) {
      return 3;
    }
    const std::int64_t gone_us = MonotonicUs();
    a.Send(busy, TestFrame("never acknowledged"));
    const bool ended = TurnUntil([&] { return a.heard.closed.size() == 2; });
    const std::int64_t lasted_us = MonotonicUs() - gone_us;
    const bool both = a.heard.closed.size() == 2 && a.heard.closed[0] != a.heard.closed[1] &&
                      (a.heard.closed[0] == quiet || a.heard.closed[0] == busy);
    // About 4 s; this machine may be a busy one.
    constexpr std::int64_t kLastsUsMax = 8'000'000;
    return ended && both && lasted_us < kLastsUsMax ? 0 : 4;
  }
};

TEST(PeerSilence, ALinkWithAMachineThatIsGoneEndsInSeconds) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Vanishing vanishing;
    _exit(vanishing.Try());
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_NE(WEXITSTATUS(status), 2) << "this test must make network namespaces, as root can";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace nunc
