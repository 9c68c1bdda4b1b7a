// Links between simulated machines that dial each other: what PeerNet is on TCP.
//
// Shape:   one PeerNet for each machine. Bytes arrive in order, each after a delay, or the link
// ends. Faults:  a machine that is down refuses dials and ends its links; one that is cut off loses
// what
//          is sent, and its links end at either end after kSilenceUs, or when it is back.
// Units:   virtual microseconds; machines are numbered from 0, their addresses are those numbers.
// Source:  docs/cluster.md §17.1.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "env/peer_net.h"
#include "sim/schedule.h"

namespace nunc {

class DialedNet {
 public:
  static constexpr std::int64_t kSilenceUs = 3'000'000;

  DialedNet(SimSchedule& schedule, std::uint64_t seed, std::size_t machines);

  // What the machine's node is given; events come to whoever it has said.
  [[nodiscard]] PeerNet& Of(std::size_t machine) { return *ends_[machine]; }
  // Its process runs and hears of its links; null: it is gone.
  void SetProcess(std::size_t machine, PeerEvents* events);
  // Nothing gets there or from there.
  void CutOff(std::size_t machine, bool cut);

 private:
  struct Half {
    std::size_t machine = 0;
    std::uint64_t link = 0;    // of the other half
    std::int64_t last_us = 0;  // when the newest bytes will arrive
    std::string unused{};
  };
  class Endpoint final : public PeerNet {
   public:
    Endpoint(DialedNet& net, std::size_t machine) : net_(net), machine_(machine) {}
    void Dial(std::string_view address) override { net_.Try(machine_, address, true); }
    void Probe(std::string_view address) override { net_.Try(machine_, address, false); }
    void Send(LinkId link, std::string_view bytes) override { net_.Carry(link, bytes); }
    void Close(LinkId link) override { net_.Drop(link); }

   private:
    DialedNet& net_;
    std::size_t machine_;
  };

  void Try(std::size_t from, std::string_view address, bool opens);
  void Open(std::size_t from, std::size_t to, const std::string& address);
  void Carry(LinkId link, std::string_view bytes);
  void Arrive(std::uint64_t link, const std::string& bytes);
  void Drop(LinkId link);
  void End(std::uint64_t link);
  [[nodiscard]] bool Reaches(std::size_t from, std::size_t to) const {
    return !cut_[from] && !cut_[to];
  }
  [[nodiscard]] std::int64_t Delay() { return prng_.InRange(50, 2'000); }

  SimSchedule& schedule_;
  Prng prng_;
  std::vector<std::unique_ptr<Endpoint>> ends_;
  std::vector<PeerEvents*> events_;
  std::vector<bool> cut_;
  std::map<std::uint64_t, Half> halves_;  // by the id that its machine knows
  std::uint64_t next_link_ = 1;
};

}  // namespace nunc
