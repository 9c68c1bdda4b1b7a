#include "transport/peer_handshake.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace nunc {
namespace {

constexpr std::string_view kHandshakeSecret = "the secret of this cluster";

PeerNonce NonceOf(char first) {
  PeerNonce nonce{};
  nonce.fill(first);
  return nonce;
}

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += kDigits[value >> 4U];
    text += kDigits[value & 15U];
  }
  return text;
}

// As over a network that cuts what is sent into pieces of this size.
void Pass(std::string& bytes, PeerHandshake& to, std::string& answer, std::size_t piece) {
  std::size_t at = 0;
  while (at < bytes.size() && to.wanted() > 0) {
    const std::size_t size = std::min({piece, to.wanted(), bytes.size() - at});
    to.Take(std::string_view(bytes).substr(at, size), answer);
    at += size;
  }
  bytes.erase(0, at);
}

struct Pair {
  PeerHandshake dialer;
  PeerHandshake listener;
  std::string to_listener{};
  std::string to_dialer{};
};

Pair MakePair(std::string_view dialer_secret, std::string_view listener_secret) {
  Pair pair{.dialer = PeerHandshake(LinkOrigin::kDialed, dialer_secret, NonceOf('d')),
            .listener = PeerHandshake(LinkOrigin::kAccepted, listener_secret, NonceOf('l'))};
  pair.dialer.Begin(pair.to_listener);
  return pair;
}

void Exchange(Pair& pair, std::size_t piece) {
  while (!pair.to_listener.empty() || !pair.to_dialer.empty()) {
    Pass(pair.to_listener, pair.listener, pair.to_dialer, piece);
    Pass(pair.to_dialer, pair.dialer, pair.to_listener, piece);
    if (pair.dialer.wanted() == 0 && pair.listener.wanted() == 0) {
      return;
    }
  }
}

using State = PeerHandshake::State;

TEST(PeerHandshake, BothSidesProveTheSecretHoweverTheBytesAreCut) {
  for (std::size_t piece = 1; piece <= kPeerGreetingBytes + kPeerProofBytes; ++piece) {
    Pair pair = MakePair(kHandshakeSecret, kHandshakeSecret);
    Exchange(pair, piece);
    EXPECT_EQ(pair.dialer.state(), State::kProven);
    EXPECT_EQ(pair.listener.state(), State::kProven);
  }
}

TEST(PeerHandshake, HasTheBytesOfTheDocument) {
  Pair pair = MakePair(kHandshakeSecret, kHandshakeSecret);
  const std::string greeting = std::string("NUNCPEER\1\0\0\0", 12) + std::string(32, 'd');
  EXPECT_EQ(pair.to_listener, greeting);
  std::string answer;
  Pass(pair.to_listener, pair.listener, answer, 100);
  EXPECT_EQ(answer, std::string("NUNCPEER\1\0\0\0", 12) + std::string(32, 'l'));
  // Python's hmac over "nunc peer 1 dialer", a 0 and both greetings; with "listener" below.
  std::string proof;
  Pass(answer, pair.dialer, proof, 100);
  EXPECT_EQ(Hex(proof), "0024ac69289459503c2cf353307fba022b52e786472ceb03a59d85b07021e58f");
  Pass(proof, pair.listener, answer, 100);
  EXPECT_EQ(Hex(answer), "3b9240be5f168688462c9e43c5fb4cd6bf9778fdc34e6fa7c2cd7fc789fa82e3");
}

TEST(PeerHandshake, WhoListensProvesNothingToADialerWithAnotherSecret) {
  Pair pair = MakePair("another", kHandshakeSecret);
  Exchange(pair, 100);
  EXPECT_EQ(pair.listener.state(), State::kRefused);
  EXPECT_NE(pair.listener.why().find("secret"), std::string_view::npos);
  EXPECT_EQ(pair.dialer.state(), State::kProof);
  EXPECT_TRUE(pair.to_dialer.empty());
}

TEST(PeerHandshake, AListenerThatCannotProveIsRefused) {
  PeerHandshake dialer(LinkOrigin::kDialed, kHandshakeSecret, NonceOf('d'));
  std::string out;
  dialer.Begin(out);
  dialer.Take(EncodePeerGreeting(NonceOf('l')), out);
  dialer.Take(std::string(kPeerProofBytes, 'x'), out);
  EXPECT_EQ(dialer.state(), State::kRefused);
}

TEST(PeerHandshake, AProofSentBackProvesNothing) {
  PeerHandshake dialer(LinkOrigin::kDialed, kHandshakeSecret, NonceOf('d'));
  std::string out;
  dialer.Begin(out);
  const std::string greeting = out;
  dialer.Take(greeting, out);  // its own, as if it were that of who listens
  const std::string proof = out.substr(kPeerGreetingBytes);
  ASSERT_EQ(proof.size(), kPeerProofBytes);
  dialer.Take(proof, out);
  EXPECT_EQ(dialer.state(), State::kRefused);
}

TEST(PeerHandshake, AProofOfAnEarlierLinkProvesNothing) {
  Pair first = MakePair(kHandshakeSecret, kHandshakeSecret);
  const std::string greeting = first.to_listener;
  Pass(first.to_listener, first.listener, first.to_dialer, 100);
  Pass(first.to_dialer, first.dialer, first.to_listener, 100);
  const std::string proof = first.to_listener;

  // Who listens has another nonce each time.
  PeerHandshake listener(LinkOrigin::kAccepted, kHandshakeSecret, NonceOf('m'));
  std::string out;
  listener.Take(greeting, out);
  listener.Take(proof, out);
  EXPECT_EQ(listener.state(), State::kRefused);
  EXPECT_EQ(out.size(), kPeerGreetingBytes);

  PeerHandshake same(LinkOrigin::kAccepted, kHandshakeSecret, NonceOf('l'));
  same.Take(greeting, out);
  same.Take(proof, out);
  EXPECT_EQ(same.state(), State::kProven);  // so it was the nonce
}

TEST(PeerHandshake, OneWrongBitAnywhereIsRefused) {
  Pair whole = MakePair(kHandshakeSecret, kHandshakeSecret);
  const std::string greeting = whole.to_listener;
  Pass(whole.to_listener, whole.listener, whole.to_dialer, 100);
  Pass(whole.to_dialer, whole.dialer, whole.to_listener, 100);
  const std::string sent = greeting + whole.to_listener;
  for (std::size_t at = 0; at < sent.size(); ++at) {
    std::string wrong = sent;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    PeerHandshake listener(LinkOrigin::kAccepted, kHandshakeSecret, NonceOf('l'));
    std::string out;
    Pass(wrong, listener, out, 100);
    EXPECT_EQ(listener.state(), State::kRefused) << "byte " << at;
    EXPECT_LE(out.size(), kPeerGreetingBytes) << "byte " << at;
  }
}

TEST(PeerHandshake, WhateverElseSpeaksIsRefusedAtItsFirstWrongByte) {
  PeerHandshake listener(LinkOrigin::kAccepted, kHandshakeSecret, NonceOf('l'));
  std::string out;
  listener.Take("NUN", out);
  EXPECT_EQ(listener.state(), State::kGreeting);
  listener.Take("D", out);
  EXPECT_EQ(listener.state(), State::kRefused);
  EXPECT_EQ(listener.wanted(), 0U);
  EXPECT_TRUE(out.empty());
  EXPECT_FALSE(listener.why().empty());
}

TEST(PeerHandshake, AnotherVersionIsToldOursAndRefusedByBoth) {
  std::string newer = EncodePeerGreeting(NonceOf('n'));
  newer[8] = 2;
  PeerHandshake listener(LinkOrigin::kAccepted, kHandshakeSecret, NonceOf('l'));
  std::string out;
  listener.Take(newer, out);
  EXPECT_EQ(listener.state(), State::kRefused);
  EXPECT_EQ(out, EncodePeerGreeting(NonceOf('l')));
  EXPECT_NE(listener.why().find("version 2"), std::string_view::npos);

  PeerHandshake dialer(LinkOrigin::kDialed, kHandshakeSecret, NonceOf('d'));
  std::string sent;
  dialer.Begin(sent);
  dialer.Take(newer, sent);
  EXPECT_EQ(dialer.state(), State::kRefused);
  EXPECT_EQ(sent.size(), kPeerGreetingBytes);
}

TEST(PeerHandshake, AsksForNoByteBehindItsOwn) {
  PeerHandshake listener(LinkOrigin::kAccepted, kHandshakeSecret, NonceOf('l'));
  std::string out;
  EXPECT_EQ(listener.wanted(), kPeerGreetingBytes);
  EXPECT_TRUE(listener.untouched());
  listener.Take("N", out);
  EXPECT_FALSE(listener.untouched());
  EXPECT_EQ(listener.wanted(), kPeerGreetingBytes - 1);
  Pair pair = MakePair(kHandshakeSecret, kHandshakeSecret);
  Exchange(pair, 100);
  EXPECT_EQ(pair.listener.wanted(), 0U);
}

// Eight bytes of each number.
class CountingNumbers final : public Random {
 public:
  std::uint64_t Next() override { return ++count_; }

 private:
  std::uint64_t count_ = 0;
};

TEST(PeerHandshake, EachNonceIsOfNewNumbers) {
  CountingNumbers random;
  const PeerNonce first = MakePeerNonce(random);
  const PeerNonce second = MakePeerNonce(random);
  for (std::size_t at = 0; at < kPeerNonceBytes; at += 8) {
    EXPECT_EQ(first[at], static_cast<char>(at / 8 + 1));
    EXPECT_EQ(second[at], static_cast<char>(at / 8 + 5));
  }
}

}  // namespace
}  // namespace nunc
