// Commands as a parser makes them. The texts must outlive the call.
//
// Owner:   the tests of the executor.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/command.h"

namespace nunc::ask {

inline Command Plain(Verb verb, std::string_view key = {}, std::string_view value = {}) {
  Command command;
  command.verb = verb;
  command.key = key;
  command.value = value;
  return command;
}
inline Command Named(Verb verb, std::string_view name, std::string_view secret = {}) {
  Command command;
  command.verb = verb;
  command.name = name;
  command.secret = secret;
  return command;
}
inline Command Get(std::string_view key) {
  return Plain(Verb::kGet, key);
}
inline Command GetSafe(std::string_view key) {
  return Plain(Verb::kGetSafe, key);
}
inline Command GetMany(std::span<const std::string_view> keys) {
  Command command = Plain(Verb::kGetMany);
  command.keys = keys;
  return command;
}
inline Command Set(std::string_view key, std::string_view value) {
  return Plain(Verb::kSet, key, value);
}
inline Command SetSafe(std::string_view key, std::optional<std::int64_t> version,
                       std::string_view value) {
  Command command = Plain(Verb::kSetSafe, key, value);
  command.version = version;
  return command;
}
inline Command Put(std::string_view key, std::string_view value,
                   std::optional<std::uint32_t> if_version = std::nullopt) {
  Command command = Plain(Verb::kPut, key, value);
  command.if_version = if_version;
  return command;
}
inline Command PutNew(std::string_view key, std::string_view value) {
  Command command = Plain(Verb::kPut, key, value);
  command.if_absent = true;
  return command;
}
inline Command PutFor(std::string_view key, std::string_view value, std::int64_t ttl_ms) {
  Command command = Plain(Verb::kPut, key, value);
  command.ttl_ms = ttl_ms;
  return command;
}
inline Command Expire(std::string_view key, std::int64_t ttl_ms) {
  Command command = Plain(Verb::kExpire, key);
  command.ttl_ms = ttl_ms;
  return command;
}
inline Command Persist(std::string_view key) {
  return Plain(Verb::kPersist, key);
}
inline Command Ttl(std::string_view key) {
  return Plain(Verb::kTtl, key);
}
inline Command SetSession(std::string_view key, std::string_view value,
                          std::optional<std::int64_t> grace_ms = std::nullopt) {
  Command command = Plain(Verb::kSetSession, key, value);
  command.grace_ms = grace_ms;
  return command;
}
inline Command Hello(std::string_view former) {
  return Named(Verb::kHello, {}, former);
}
inline Command Increment(std::string_view key, std::int64_t amount = 1) {
  Command command = Plain(Verb::kIncrement, key);
  command.amount = amount;
  return command;
}
inline Command Remove(std::string_view key) {
  return Plain(Verb::kRemove, key);
}
inline Command Keys(std::string_view pattern) {
  return Plain(Verb::kKeys, pattern);
}
inline Command Scan(std::string_view prefix, std::string_view after = {},
                    std::optional<std::int64_t> limit = std::nullopt) {
  Command command = Plain(Verb::kScan, prefix);
  command.after = after;
  command.limit = limit;
  return command;
}
inline Command Watch(std::string_view key) {
  return Plain(Verb::kWatch, key);
}
inline Command Unwatch(std::string_view key) {
  return Plain(Verb::kUnwatch, key);
}
inline Command UseDb(std::string_view name, std::string_view token, std::string_view user = {}) {
  Command command = Named(Verb::kUseDb, name, token);
  command.user = user;
  return command;
}
inline Command CreateDb(std::string_view name, std::string_view token,
                        Strategy strategy = Strategy::kNone) {
  Command command = Named(Verb::kCreateDb, name, token);
  command.strategy = strategy;
  return command;
}
inline Command SetPermissions(std::string_view user, std::string_view list) {
  Command command = Named(Verb::kSetPermissions, user);
  command.value = list;
  return command;
}
inline Command Resolve(std::int64_t id, std::string_view key, std::optional<std::int64_t> version,
                       std::string_view value, std::string_view database = "db") {
  Command command = Plain(Verb::kResolve, key, value);
  command.name = database;
  command.version = version;
  command.conflict = {.value = id};
  return command;
}

}  // namespace nunc::ask
