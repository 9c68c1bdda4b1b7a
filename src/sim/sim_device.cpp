#include "sim/sim_device.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/hash.h"

namespace nunc {
namespace {

constexpr std::uint64_t kKeepModes = 4;

// Eight bytes in the order of the machine: every machine we build for is little-endian.
std::string_view BytesOf(const std::uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

}  // namespace

void SimDevice::Trace(const Call& call) {
  const auto operation = static_cast<std::uint64_t>(call.operation);
  for (const std::uint64_t number : {operation, call.offset, call.length}) {
    trace_hash_ = HashBytes(BytesOf(number), trace_hash_);
  }
  trace_hash_ = HashBytes(call.path, trace_hash_);
  trace_hash_ = HashBytes(call.bytes, trace_hash_);
}

std::optional<SimDevice::Refusal> SimDevice::Begin(const Call& call) {
  ++calls_;
  Trace(call);
  crashed_ = crashed_ || (crash_at_ && calls_ >= *crash_at_);
  if (crashed_) {
    return Refusal{
        .error = {.fault = Fault::kIo, .detail = std::string(call.path) + ": the machine is down"},
        .has_effect = false};
  }
  const auto planned = fail_at_.find(calls_);
  if (planned == fail_at_.end()) {
    return std::nullopt;
  }
  const Fault fault = planned->second;
  fail_at_.erase(planned);
  return Refusal{.error = {.fault = fault, .detail = std::string(call.path) + ": made to fail"},
                 .has_effect = fault == Fault::kIo};
}

void SimDevice::FailCall(std::uint64_t n, Fault fault) {
  fail_at_.insert_or_assign(calls_ + n, fault);
}

void SimDevice::CrashAtCall(std::uint64_t n) {
  crash_at_ = calls_ + n;
}

void SimDevice::Crash(Prng& prng) {
  const auto bytes = static_cast<Keep>(prng.Below(kKeepModes));
  const auto names = static_cast<Keep>(prng.Below(kKeepModes));
  Crash(prng, bytes, names);
}

void SimDevice::Crash(Prng& prng, Keep bytes, Keep names) {
  const std::vector<std::shared_ptr<SimNode>> nodes = Nodes();
  std::vector<std::uint64_t> pending;
  for (const std::shared_ptr<SimNode>& node : nodes) {
    node->bytes.AddPending(pending);
  }
  for (const auto& [path, folder] : folders_) {
    folder.AddPending(pending);
  }
  std::ranges::sort(pending);
  // One cut for all, so that two prefixes tell of the same moment.
  pending.push_back(std::numeric_limits<std::uint64_t>::max());
  const std::uint64_t cut = pending[prng.Below(pending.size())];
  for (const std::shared_ptr<SimNode>& node : nodes) {
    node->bytes.Crash(bytes, cut, prng);
  }
  for (auto& [path, folder] : folders_) {
    folder.Crash(names, cut, prng);
  }
  Trace({.operation = Operation::kCrash,
         .path = {},
         .bytes = {},
         .offset = static_cast<std::uint64_t>(bytes),
         .length = cut});
  Restart();
}

void SimDevice::KillProcess() {
  Trace({.operation = Operation::kKill, .path = {}, .bytes = {}});
  Restart();
}

void SimDevice::Restart() {
  for (const std::shared_ptr<SimNode>& node : Nodes()) {
    node->opened = 0;
  }
  ++generation_;
  crashed_ = false;
  crash_at_.reset();
}

std::uint64_t SimDevice::UsedBytes() const {
  std::map<std::uint64_t, std::uint64_t> sizes;
  for (const auto& [path, folder] : folders_) {
    for (const auto& [name, node] : folder.seen()) {
      sizes[node->id] = node->bytes.seen().size();
    }
  }
  // A removed file keeps its space while somebody has it open.
  for (const std::shared_ptr<SimNode>& node : Nodes()) {
    if (node->opened > 0) {
      sizes[node->id] = node->bytes.seen().size();
    }
  }
  std::uint64_t used = 0;
  for (const auto& [id, size] : sizes) {
    used += size;
  }
  return used;
}

bool SimDevice::HasRoom(std::uint64_t more_bytes) const {
  const std::uint64_t used = UsedBytes();
  return used <= capacity_bytes_ && more_bytes <= capacity_bytes_ - used;
}

std::vector<std::shared_ptr<SimNode>> SimDevice::Nodes() const {
  std::vector<std::shared_ptr<SimNode>> nodes;
  for (const std::weak_ptr<SimNode>& weak : nodes_) {
    if (std::shared_ptr<SimNode> node = weak.lock()) {
      nodes.push_back(std::move(node));
    }
  }
  return nodes;
}

SimFolder& SimDevice::FolderOf(std::string_view path) {
  return folders_.try_emplace(std::string(path)).first->second;
}

std::shared_ptr<SimNode> SimDevice::MakeNode() {
  std::erase_if(nodes_, [](const std::weak_ptr<SimNode>& node) { return node.expired(); });
  auto node = std::make_shared<SimNode>();
  node->id = next_node_++;
  nodes_.push_back(node);
  return node;
}

}  // namespace nunc
