// The clients of the command line against a server that follows a script, on a real socket.
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <netinet/in.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cli/find_cluster.h"
#include "cli/http_client.h"
#include "cli/ping.h"
#include "cli/tcp_client.h"
#include "cli/watch.h"

namespace nunc {
namespace {

constexpr std::chrono::seconds kPatience{20};

// The script's side of one connection.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {
    const timeval limit{.tv_sec = kPatience.count(), .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  void Write(std::string_view text) const {
    EXPECT_EQ(send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Everything up to and with `end`; what there was when the peer closed instead.
  std::string ReadTo(std::string_view end) {
    std::array<char, 4096> chunk{};
    while (!buffer_.contains(end)) {
      const ssize_t got = recv(fd_.get(), chunk.data(), chunk.size(), 0);
      if (got <= 0) {
        return std::exchange(buffer_, "");
      }
      buffer_.append(chunk.data(), static_cast<std::size_t>(got));
    }
    const std::size_t size = buffer_.find(end) + end.size();
    std::string text = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return text;
  }
  void WaitForClose() { ReadTo("(never sent)"); }

 private:
  FileDescriptor fd_;
  std::string buffer_;
};

using Script = std::function<void(Peer&)>;

// Accepts one connection after the other, each for its script; then nobody listens any more.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<Script> scripts)
      : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    // The sockets interface takes every kind of address through this one pointer type.
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_.get(), generic, size), 0);
    EXPECT_EQ(listen(listener_.get(), 8), 0);
    EXPECT_EQ(getsockname(listener_.get(), generic, &size), 0);
    address_ = {.host = "127.0.0.1", .port = ntohs(address.sin_port)};
    thread_ = std::thread([this, scripts = std::move(scripts)] {
      for (const Script& script : scripts) {
        const int fd = accept(listener_.get(), nullptr, nullptr);
        if (fd < 0) {
          return;
        }
        Peer peer(fd);
        script(peer);
      }
      StopListening();
    });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() { Join(); }
  // A script whose connection has not come by now is left out.
  void Join() {
    StopListening();
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  const HostPort& address() const { return address_; }
  std::string url() const { return "http://" + ToText(address_); }

 private:
  // Also wakes a thread that waits in accept().
  void StopListening() const { shutdown(listener_.get(), SHUT_RDWR); }

  FileDescriptor listener_;
  HostPort address_;
  std::thread thread_;
};

HostPort NobodyThere() {
  ScriptedServer server({});
  server.Join();
  return server.address();
}

// `nunc watch k` on a thread of its own, with what it prints and says.
class RunningWatch {
 public:
  explicit RunningWatch(HostPort server, std::string user = "")
      : stop_(eventfd(0, EFD_CLOEXEC)),
        arguments_{.server = std::move(server),
                   .database = "d",
                   .user = std::move(user),
                   .token = "t",
                   .key = "k"},
        thread_([this] {
          code_ = Watch(arguments_, stop_.get(),
                        {.print = [this](std::string_view line) { Add(lines_, line); },
                         .say = [this](std::string_view text) { Add(said_, text); }});
          const std::scoped_lock lock(mutex_);
          ended_ = true;
          changed_.notify_all();
        }) {}
  RunningWatch(const RunningWatch&) = delete;
  RunningWatch& operator=(const RunningWatch&) = delete;
  ~RunningWatch() {
    if (thread_.joinable()) {
      Stop();
    }
  }
  ExitCode Stop() {
    const std::uint64_t one = 1;
    EXPECT_EQ(write(stop_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    thread_.join();
    return code_;
  }
  // For a watch that must end by itself.
  ExitCode Join() {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_for(lock, kPatience, [this] { return ended_; })) {
        ADD_FAILURE() << "it goes on";
        lock.unlock();
        return Stop();
      }
    }
    thread_.join();
    return code_;
  }
  std::vector<std::string> Lines(std::size_t count) { return Wait(lines_, count); }
  std::vector<std::string> Said(std::size_t count) { return Wait(said_, count); }

 private:
  void Add(std::vector<std::string>& list, std::string_view text) {
    const std::scoped_lock lock(mutex_);
    list.emplace_back(text);
    changed_.notify_all();
  }
  std::vector<std::string> Wait(std::vector<std::string>& list, std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return list.size() >= count; }));
    return list;
  }

  FileDescriptor stop_;
  WatchArguments arguments_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  std::vector<std::string> said_;
  ExitCode code_ = ExitCode::kFault;
  bool ended_ = false;
  std::thread thread_;  // last: it uses the others
};

Script Serve(std::string answers, bool stay = true) {
  return [answers = std::move(answers), stay](Peer& peer) {
    peer.Write("ok \n");
    peer.ReadTo("get-safe k\n");
    peer.Write(answers);
    if (stay) {
      peer.WaitForClose();
    }
  };
}

TEST(Watch, PrintsThePresentValueThenEveryChangeAndRemoval) {
  const ScriptedServer server(
      {Serve("ok \nok \nvalue-version 3 old value\nok \n"
             "changed k new\nchanged-version k 4 new\n"
             "removed k\nchanged k 1\nchanged-version k -1 1\n")});
  RunningWatch watch(server.address());
  EXPECT_EQ(watch.Lines(4),
            (std::vector<std::string>{"k 3 old value", "k 4 new", "k removed", "k -1 1"}));
  EXPECT_EQ(watch.Stop(), ExitCode::kOk);
  EXPECT_TRUE(watch.Said(0).empty());
}

TEST(Watch, SelectsTheDatabaseWatchesAndOnlyThenReads) {
  std::string asked;
  ScriptedServer server({[&asked](Peer& peer) {
    peer.Write("ok \n");
    asked = peer.ReadTo("get-safe k\n");
    peer.Write("ok \nok \nvalue-version 0 v\nok \n");
    peer.WaitForClose();
  }});
  RunningWatch watch(server.address(), "u");
  watch.Lines(1);
  EXPECT_EQ(watch.Stop(), ExitCode::kOk);
  server.Join();
  EXPECT_EQ(asked, "use-db d u t\nwatch k\nget-safe k\n");
}

TEST(Watch, ChangesInFrontOfThePresentValueArePartOfIt) {
  const ScriptedServer server(
      {Serve("ok \nok \nchanged k a\nchanged-version k 1 a\n"
             "value-version 1 a\nok \nchanged-version k 2 b\n")});
  RunningWatch watch(server.address());
  EXPECT_EQ(watch.Lines(2), (std::vector<std::string>{"k 1 a", "k 2 b"}));
}

TEST(Watch, EventsOfOtherKeysAreNotShown) {
  const ScriptedServer server(
      {Serve("ok \nok \nvalue-version 0 a\nok \nchanged-version k2 1 x\n"
             "removed k2\nremoved k k\nchanged-version k 1 b\n")});
  RunningWatch watch(server.address());
  EXPECT_EQ(watch.Lines(2), (std::vector<std::string>{"k 0 a", "k 1 b"}));
}

TEST(Watch, KeyThatIsNotThereIsShownAsRemoved) {
  const ScriptedServer server({Serve("ok \nok \nvalue-version 1 <Empty>\nok \n")});
  RunningWatch watch(server.address());
  EXPECT_EQ(watch.Lines(1), std::vector<std::string>{"k removed"});
}

TEST(Watch, ValueThatOnlyEndsLikeAMissingOneIsShown) {
  const ScriptedServer server({Serve("ok \nok \nvalue-version 1 a <Empty>\nok \n")});
  RunningWatch watch(server.address());
  EXPECT_EQ(watch.Lines(1), std::vector<std::string>{"k 1 a <Empty>"});
}

TEST(Watch, ControlCharactersDoNotReachTheTerminal) {
  const ScriptedServer server({Serve("ok \nok \nvalue-version 1 \x1b[2J\nok \n")});
  RunningWatch watch(server.address());
  EXPECT_EQ(watch.Lines(1), std::vector<std::string>{"k 1 \\u{1b}[2J"});
}

TEST(Watch, ComesBackAfterALostConnectionAndPrintsOnlyWhatIsNew) {
  const ScriptedServer server({Serve("ok \nok \nvalue-version 1 a\nok \n", false),
                               Serve("ok \nok \nvalue-version 1 a\nok \n", false),
                               Serve("ok \nok \nvalue-version 2 b\nok \n")});
  RunningWatch watch(server.address());
  EXPECT_EQ(watch.Lines(2), (std::vector<std::string>{"k 1 a", "k 2 b"}));
  const std::string lost =
      ToText(server.address()) + ": the server closed the connection; trying again";
  EXPECT_EQ(watch.Said(4),
            (std::vector<std::string>{lost, "connected again", lost, "connected again"}));
  EXPECT_EQ(watch.Stop(), ExitCode::kOk);
}

TEST(Watch, WaitsForADatabaseThatARestartForgotLongerEachTime) {
  const auto begun = std::chrono::steady_clock::now();
  const ScriptedServer server({Serve("ok \nok \nvalue-version 1 a\nok \n", false),
                               Serve("error Not a valid database name \n", false),
                               Serve("error Not a valid database name \n", false),
                               Serve("ok \nok \nvalue-version 0 b\nok \n")});
  RunningWatch watch(server.address());
  EXPECT_EQ(watch.Lines(2), (std::vector<std::string>{"k 1 a", "k 0 b"}));
  const std::string at = ToText(server.address());
  EXPECT_EQ(watch.Said(3),
            (std::vector<std::string>{at + ": the server closed the connection; trying again",
                                      at + " refused: Not a valid database name; trying again",
                                      "connected again"}));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(50 + 100 + 200));
}

TEST(Watch, EndsWhenTheServerRefuses) {
  for (const char* refusal : {"error Invalid token \n", "error Not a valid database name \n",
                              "ok \npermission denied\nerror permission denied\n \n"}) {
    const ScriptedServer server({Serve(refusal)});
    RunningWatch watch(server.address());
    EXPECT_EQ(watch.Join(), ExitCode::kUnreachable) << refusal;
    EXPECT_TRUE(watch.Said(1)[0].starts_with(ToText(server.address()) + " refused: "));
    EXPECT_TRUE(watch.Lines(0).empty());
  }
}

TEST(Watch, EndsWhenALaterConnectionLosesTheRight) {
  const ScriptedServer server(
      {Serve("ok \nok \nvalue-version 1 a\nok \n", false), Serve("error Invalid token \n")});
  RunningWatch watch(server.address());
  EXPECT_EQ(watch.Join(), ExitCode::kUnreachable);
}

TEST(Watch, EndsWhenNobodyIsThereAtFirst) {
  RunningWatch watch(NobodyThere());
  EXPECT_EQ(watch.Join(), ExitCode::kUnreachable);
  EXPECT_EQ(watch.Said(1).size(), 1U);
}

TEST(Watch, StopsWhileItWaitsToTryAgain) {
  const ScriptedServer server({Serve("ok \nok \nvalue-version 1 a\nok \n", false)});
  RunningWatch watch(server.address());
  watch.Said(2);  // lost, and then nobody listens
  EXPECT_EQ(watch.Stop(), ExitCode::kOk);
}

TEST(TcpClient, LongLineInPiecesArrivesWhole) {
  const std::string value(300'000, 'x');
  const ScriptedServer server({Serve("ok \nok \nvalue-version 1 " + value + "\nok \n")});
  RunningWatch watch(server.address());
  EXPECT_EQ(watch.Lines(1), std::vector<std::string>{"k 1 " + value});
}

TEST(Ping, MeasuresFromPingToPong) {
  const ScriptedServer server({[](Peer& peer) {
    peer.Write("ok \n");
    EXPECT_EQ(peer.ReadTo("\n"), "ping\n");
    peer.Write("pong\nok \n");
    peer.WaitForClose();
  }});
  const Result<double> took_ms = Ping(server.address());
  ASSERT_TRUE(took_ms) << took_ms.error().detail;
  EXPECT_GT(*took_ms, 0.0);
}

TEST(Ping, NobodyASilentCloseAndAStrangerAreErrors) {
  EXPECT_FALSE(Ping(NobodyThere()));
  const ScriptedServer closing({[](Peer&) {}});
  EXPECT_FALSE(Ping(closing.address()));
  const ScriptedServer stranger({[](Peer& peer) { peer.Write("220 mail.example.org\n"); }});
  const Result<double> met = Ping(stranger.address());
  ASSERT_FALSE(met);
  EXPECT_NE(met.error().detail.find("220 mail.example.org"), std::string::npos);
  const ScriptedServer old({[](Peer& peer) {
    peer.Write("ok \n");
    peer.ReadTo("\n");
    peer.Write("error unknown command: ping \n");
    peer.WaitForClose();
  }});
  EXPECT_FALSE(Ping(old.address()));
}

Script Answer(std::string head, std::string body, std::string* request = nullptr) {
  return [head = std::move(head), body = std::move(body), request](Peer& peer) {
    const std::string got = peer.ReadTo("the end");
    if (request != nullptr) {
      *request = got;
    }
    peer.Write("HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body);
    peer.WaitForClose();
  };
}

TEST(Post, SendsTheBodyAndGivesTheAnswersBody) {
  std::string request;
  ScriptedServer server({Answer("200 OK", "valid auth\n;empty", &request)});
  const Result<std::string> answer = Post(server.url(), "auth u p; the end");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(*answer, "valid auth\n;empty");
  server.Join();
  EXPECT_TRUE(request.starts_with("POST / HTTP/1.1\r\n")) << request;
  EXPECT_TRUE(request.ends_with("\r\n\r\nauth u p; the end")) << request;
}

TEST(Post, LargeBodyIsSentWithoutWaitingForAContinue) {
  std::string request;
  ScriptedServer server({Answer("200 OK", "", &request)});
  const std::string body = std::string(2'000'000, 'x') + "the end";
  EXPECT_TRUE(Post(server.url(), body));
  server.Join();
  EXPECT_TRUE(request.ends_with(body));
  EXPECT_EQ(request.find("Expect"), std::string::npos);
}

TEST(Post, AnotherStatusIsAnError) {
  const ScriptedServer server({Answer("413 Content Too Large", "no")});
  const Result<std::string> answer = Post(server.url(), "the end");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().detail, server.url() + " answered with HTTP status 413");
}

TEST(Post, NobodyThereIsUnavailableAndABadUrlInvalid) {
  EXPECT_EQ(Post("http://" + ToText(NobodyThere()), "x").error().fault, Fault::kUnavailable);
  EXPECT_EQ(Post("ftp://127.0.0.1:1", "x").error().fault, Fault::kInvalid);
  EXPECT_EQ(Post("http://", "x").error().fault, Fault::kInvalid);
}

TEST(Post, ProxyOfTheEnvironmentIsNotAskedForLoopback) {
  const ScriptedServer server({Answer("200 OK", "direct")});
  setenv("http_proxy", ("http://" + ToText(NobodyThere())).c_str(), 1);
  const Result<std::string> answer = Post(server.url(), "the end");
  unsetenv("http_proxy");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(*answer, "direct");
}

Script AnswerPeer(std::string answer) {
  return [answer = std::move(answer)](Peer& peer) {
    peer.Write("ok \n");
    EXPECT_EQ(peer.ReadTo("\n"), "peer-address\n");
    peer.Write(answer);
    peer.WaitForClose();
  };
}

TEST(FindCluster, AsksAgainUntilADoorIsThatOfAMember) {
  const ScriptedServer server({AnswerPeer("error this server is a member of no cluster \n"),
                               AnswerPeer("peer-address\nno address\n"),
                               AnswerPeer("peer-address\nn:3015\nok \n")});
  const FileDescriptor stop(eventfd(0, EFD_CLOEXEC));
  const std::vector<std::string> doors{ToText(NobodyThere()), ToText(server.address())};
  std::vector<std::string> said;
  const auto found =
      FindCluster(doors, stop.get(), [&said](std::string_view why) { said.emplace_back(why); });
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(*found, std::vector<std::string>{"n:3015"});
  ASSERT_EQ(said.size(), 2U);
  EXPECT_TRUE(said[0].contains(doors[0])) << said[0];
  EXPECT_TRUE(said[0].contains(doors[1] + " answers: this server is a member of no cluster"));
  EXPECT_TRUE(said[1].contains("is it another port?")) << said[1];
}

TEST(FindCluster, StopsWhenItIsTold) {
  const FileDescriptor stop(eventfd(1, EFD_CLOEXEC));
  const std::vector<std::string> doors{ToText(NobodyThere())};
  EXPECT_FALSE(FindCluster(doors, stop.get(), [](std::string_view) {}));
}

}  // namespace
}  // namespace nunc
