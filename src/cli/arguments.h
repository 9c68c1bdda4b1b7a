// The command line, taken apart: which sub-command, with what.
//
// Errors:  kInvalid with the text for standard error; the process ends with ExitCode::kUsage.
// Secrets: the help texts show no credentials.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/result.h"
#include "server/config.h"

namespace nunc {

struct ShowText {  // --help, --version, or no sub-command
  std::string text;
};

struct StartArguments {
  GivenFlags flags;
};

struct ExecArguments {  // also create-db, drop-db and oplog, which are one command
  std::string user;
  std::string password;
  std::string host;  // URL of the HTTP door
  std::string commands;
  std::string title{};  // of the data that is printed in lines; empty: as the `Response` line
};

enum class ClusterWhat : std::uint8_t { kStatus, kAdd, kRemove, kPromote };

struct ClusterArguments {
  ClusterWhat what = ClusterWhat::kStatus;
  std::string which;     // the id of a node; of kAdd an address
  bool json = false;     // of kStatus: as the server says it
  ExecArguments server;  // without commands
};

// `cluster recover`.
struct RecoverArguments {
  std::string folder;
  std::string oplog_folder;  // empty: in `folder`
  std::string into;          // empty: not given
  bool accepts_loss = false;
};

struct WatchArguments {
  HostPort server;
  std::string database;
  std::string user;  // empty: the token is the database's own
  std::string token;
  std::string key;
};

struct PingArguments {
  HostPort server;
};

// `oplog dump`.
struct DumpArguments {
  std::string path;
};

struct CheckArguments {
  std::string folder;
};

struct RepairArguments {
  std::string folder;
  bool keep_prefix = false;  // false: only says what it would keep
};

struct BackupArguments {
  ExecArguments server;  // without commands
  std::string file;
  std::string database;  // empty: everything
  bool replace = false;
};

struct RestoreFolderArguments {
  std::string file;
  std::string folder;
  std::string oplog_folder;  // empty: in `folder`
};

struct RestoreDatabaseArguments {
  ExecArguments server;  // without commands
  std::string file;
  std::string database;
  std::string as;
};

struct SimulateArguments {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;  // that many, from `seed` on
  std::int64_t duration_ms = 10'000;
  std::size_t nodes = 1;      // 1: one node and its disk; more: a cluster and its network
  bool arbiter_node = false;  // one of three
  bool verbose = false;
};

using Arguments = std::variant<ShowText, StartArguments, ExecArguments, ClusterArguments,
                               WatchArguments, RecoverArguments, PingArguments, DumpArguments,
                               CheckArguments, RepairArguments, BackupArguments,
                               RestoreFolderArguments, RestoreDatabaseArguments, SimulateArguments>;

// Reads credentials, and the folders of `restore`, from `environment` where no flag gives
// them.
Result<Arguments> ParseArguments(int argc, const char* const* argv, const Environment& environment);

}  // namespace nunc
