#include "cli/arguments.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "sim/cluster_world.h"

namespace nunc {

namespace {

constexpr std::string_view kHttpDefault = "http://127.0.0.1:3013";
constexpr std::string_view kTcpDefault = "127.0.0.1:3014";

// What the parser writes into while it runs.
struct Raw {
  std::string user;
  std::string password;
  std::string host{kHttpDefault};
  std::string tcp_address{kTcpDefault};
  std::string config;
  std::string database;
  std::string token;
  std::string strategy;
  std::string ack;
  std::string commands;
  std::string db_user;
  std::string key;
  std::string oplog_what;
  std::string cluster_which;
  std::string into;
  std::vector<std::string> oplog_rest;
  std::string folder;
  bool keep_prefix = false;
  std::string file;
  std::string data_folder;
  std::string oplog_folder;
  std::string as;
  bool force = false;
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  double seconds = 10;
  std::size_t nodes = 1;
  bool arbiter_node = false;
  bool verbose = false;
  bool json = false;
  bool accepts_loss = false;
  CLI::Option* user_option = nullptr;
  CLI::Option* password_option = nullptr;
  CLI::Option* host_option = nullptr;
  CLI::Option* config_option = nullptr;
  CLI::Option* data_option = nullptr;
  CLI::Option* oplog_option = nullptr;
  std::vector<std::pair<const Setting*, CLI::Option*>> settings;
};

void AddGlobal(CLI::App& app, Raw& raw) {
  // -h is --host here and --http-address at `start`, as existing scripts have it.
  app.set_help_flag("--help", "print this text");
  app.set_version_flag("-V,--version", "nunc " NUNC_VERSION);
  raw.user_option = app.add_option("-u,--user", raw.user, "admin account (or NUNC_USER)");
  raw.password_option = app.add_option("-p,--password", raw.password, "its password (or NUNC_PWD)");
  raw.host_option =
      app.add_option("-h,--host", raw.host, "URL of the HTTP door (" + raw.host + ")");
  for (CLI::Option* option : {raw.user_option, raw.password_option, raw.host_option}) {
    option->type_name("TEXT");
  }
  app.require_subcommand(0, 1);
  app.fallthrough();
}

void AddStart(CLI::App& app, Raw& raw) {
  CLI::App* start = app.add_subcommand("start", "run the server");
  raw.config_option =
      start->add_option("--config", raw.config, "TOML file with settings (or NUNC_CONFIG)")
          ->type_name("FILE");
  start->footer(
      "The admin account is -u NAME -p PASSWORD, or NUNC_USER and NUNC_PWD.\n"
      "A flag wins over a variable, a variable over the file, the file over the default.");
  for (const Setting& setting : Settings()) {
    if (setting.flag.empty() || setting.key == "user" || setting.key == "password") {
      continue;
    }
    const std::string flag(setting.flag);
    // Const, or the parser takes it for the variable to write to.
    const std::string help = std::string(setting.help) +
                             (setting.env.empty() ? "" : " [" + std::string(setting.env) + "]");
    CLI::Option* option =
        setting.value_name.empty() ? start->add_flag(flag, help) : start->add_option(flag, help);
    if (!setting.value_name.empty()) {
      option->type_name(std::string(setting.value_name))->expected(1);
    }
    raw.settings.emplace_back(&setting, option);
  }
}

void AddClients(CLI::App& app, Raw& raw) {
  CLI::App* create = app.add_subcommand("create-db", "create a database");
  create->add_option("-d,--db-name", raw.database, "its name")->required()->type_name("NAME");
  create->add_option("-t,--db-token", raw.token, "its token")->required()->type_name("TOKEN");
  create
      ->add_option("--strategy", raw.strategy,
                   "what a conflicting write does: none, newer, arbiter")
      ->check(CLI::IsMember({"none", "newer", "arbiter"}))
      ->type_name("NAME");
  create->add_option("--ack", raw.ack, "when a change counts: written, disk, quorum")
      ->check(CLI::IsMember({"written", "disk", "quorum"}))
      ->type_name("LEVEL");

  CLI::App* drop = app.add_subcommand("drop-db", "remove a database with all its keys");
  drop->add_option("-d,--db-name", raw.database, "its name")->required()->type_name("NAME");

  CLI::App* exec = app.add_subcommand("exec", "run commands as the admin and print the answer");
  exec->add_option("commands", raw.commands, "separated by `;`")->required()->type_name("");

  CLI::App* watch = app.add_subcommand("watch", "print a key's value and every change to it");
  watch->add_option("key", raw.key, "the key")->required()->type_name("");
  watch->add_option("-d,--db-name", raw.database, "database")->required()->type_name("NAME");
  watch->add_option("-t,--db-token", raw.token, "token of the database, or of the user")
      ->required()
      ->type_name("TOKEN");
  watch->add_option("--db-user", raw.db_user, "user of the database")->type_name("NAME");
  CLI::App* ping = app.add_subcommand("ping", "ask the server for an answer and time it");
  for (CLI::App* client : {watch, ping}) {
    client->add_option("--tcp-address", raw.tcp_address, "TCP door (" + raw.tcp_address + ")")
        ->type_name("HOST:PORT");
  }
}

void AddDataTools(CLI::App& app, Raw& raw) {
  CLI::App* oplog = app.add_subcommand("oplog",
                                       "info, since PLACE [DATABASE] [PATTERN] [LIMIT], clean "
                                       "before PLACE, clean keep SIZE|AGE: of a "
                                       "running server; dump FILE|FOLDER: offline");
  oplog->add_option("what", raw.oplog_what, "info, since, clean or dump")
      ->required()
      ->check(CLI::IsMember({"info", "since", "clean", "dump"}))
      ->type_name("");
  oplog->add_option("rest", raw.oplog_rest, "what it takes")->type_name("");

  CLI::App* check = app.add_subcommand("check", "verify every checksum of a data folder");
  CLI::App* repair =
      app.add_subcommand("repair", "say what of a damaged data folder is intact, or keep that");
  for (CLI::App* tool : {check, repair}) {
    tool->add_option("folder", raw.folder, "the data folder")->required()->type_name("");
  }
  repair->add_flag("--keep-prefix", raw.keep_prefix,
                   "keep what is intact, give up the rest (it stays as files repair-*)");
}

void AddBackup(CLI::App& app, Raw& raw) {
  CLI::App* backup = app.add_subcommand("backup", "write a backup of a running server to a file");
  backup->add_option("file", raw.file, "the file")->required()->type_name("");
  backup->add_option("--db", raw.database, "one database alone")->type_name("NAME");
  backup->add_flag("--force", raw.force, "replace a file of that name");

  CLI::App* restore = app.add_subcommand(
      "restore", "bring a backup back: into an empty folder, or one database into a server");
  restore->add_option("file", raw.file, "the backup")->required()->type_name("");
  raw.data_option = restore->add_option("--data", raw.data_folder,
                                        "an empty folder, or one that is not there (./data)");
  raw.oplog_option =
      restore->add_option("--oplog-dir", raw.oplog_folder, "the same for the op log (the data's)");
  CLI::Option* database =
      restore->add_option("--db", raw.database, "this database, into a running server")
          ->type_name("NAME");
  restore->add_option("--as", raw.as, "under another name")->type_name("NAME")->needs(database);
  for (CLI::Option* folder : {raw.data_option, raw.oplog_option}) {
    folder->type_name("FOLDER")->excludes(database);
  }
}

void AddCluster(CLI::App& app, Raw& raw) {
  CLI::App* cluster = app.add_subcommand("cluster", "look at a cluster and change its members");
  cluster->require_subcommand(1);
  CLI::App* status =
      cluster->add_subcommand("status", "the members of a server's cluster, and who is primary");
  status->add_flag("--json", raw.json, "as the server says it, for programs");
  CLI::App* add = cluster->add_subcommand("add", "let in a node that was started with --join wait");
  add->add_option("address", raw.cluster_which, "HOST:PORT, where it listens for other nodes")
      ->required()
      ->type_name("");
  CLI::App* remove = cluster->add_subcommand("remove", "take a node out, also one that is away");
  CLI::App* promote = cluster->add_subcommand("promote", "hand the primary's role to a node");
  for (CLI::App* change : {remove, promote}) {
    change->add_option("id", raw.cluster_which, "of the node, as status shows it")
        ->required()
        ->type_name("");
  }
  CLI::App* recover = cluster->add_subcommand(
      "recover",
      "when a majority is lost for good: make another cluster of what one stopped node has");
  recover->add_option("folder", raw.folder, "its data folder, which stays as it is")
      ->required()
      ->type_name("");
  recover->add_option("--oplog-dir", raw.oplog_folder, "the folder of its op log (the data's)")
      ->type_name("FOLDER");
  recover->add_option("--into", raw.into, "an empty folder, or one that is not there")
      ->type_name("FOLDER");
  recover->add_flag("--i-accept-loss", raw.accepts_loss,
                    "what only the lost nodes have is given up");
}

void AddSimulate(CLI::App& app, Raw& raw) {
  CLI::App* simulate = app.add_subcommand(
      "simulate",
      "run a node, or a cluster, on simulated machines that fail, and check what it promises");
  simulate->add_option("--seed", raw.seed, "what all that happens follows from (1)")
      ->type_name("N");
  simulate->add_option("--seeds", raw.seeds, "how many, from that one on (1)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))
      ->type_name("COUNT");
  simulate->add_option("--seconds", raw.seconds, "of virtual time for each (10)")
      ->check(CLI::Range(0.001, 1'000'000.0))
      ->type_name("S");
  CLI::Option* nodes =
      simulate->add_option("--nodes", raw.nodes, "more than one: a cluster of so many voters (1)")
          ->check(CLI::Range(std::size_t{1}, kClusterNodesMax))
          ->type_name("N");
  simulate
      ->add_flag("--arbiter-node", raw.arbiter_node, "a cluster of two nodes and an arbiter node")
      ->excludes(nodes);
  simulate->add_flag("--verbose", raw.verbose, "say what happens, and when");
}

bool IsWord(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == ';';
  });
}

bool IsLine(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

Result<Arguments> ToStart(const Raw& raw) {
  if (raw.host_option->count() > 0) {
    return Fail(Fault::kInvalid,
                "--host is for exec and create-db; the HTTP door of `start` is -h or "
                "--http-address after the word start");
  }
  StartArguments arguments;
  if (raw.config_option->count() > 0) {
    arguments.flags["config"] = raw.config;
  }
  if (raw.user_option->count() > 0) {
    arguments.flags["user"] = raw.user;
  }
  if (raw.password_option->count() > 0) {
    arguments.flags["password"] = raw.password;
  }
  for (const auto& [setting, option] : raw.settings) {
    if (option->count() > 0) {
      arguments.flags[std::string(setting->key)] = setting->value_name.empty()
                                                       ? (option->as<bool>() ? "true" : "false")
                                                       : option->as<std::string>();
    }
  }
  return arguments;
}

std::string Chosen(const CLI::Option* option, const std::string& given,
                   const Environment& environment, std::array<const char*, 2> names,
                   std::string_view otherwise) {
  if (option->count() > 0) {
    return given;
  }
  for (const char* name : names) {
    if (const std::optional<std::string> text = environment(name)) {
      return *text;
    }
  }
  return std::string(otherwise);
}

Result<ExecArguments> ToServer(const Raw& raw, std::string commands,
                               const Environment& environment) {
  ExecArguments arguments{
      .user =
          Chosen(raw.user_option, raw.user, environment, {"NUNC_USER", "NUN_USER"}, kUserDefault),
      .password = Chosen(raw.password_option, raw.password, environment, {"NUNC_PWD", "NUN_PWD"},
                         kPasswordDefault),
      .host = raw.host,
      .commands = std::move(commands),
      .title = {},
  };
  if (!IsWord(arguments.user) || arguments.password.empty() || !IsLine(arguments.password) ||
      arguments.password.contains(';')) {
    return Fail(Fault::kInvalid,
                "user and password must not be empty (-u and -p, or NUNC_USER and NUNC_PWD), "
                "nor hold semicolons and control characters");
  }
  return arguments;
}

Result<Arguments> ToExec(const Raw& raw, std::string commands, const Environment& environment) {
  Result<ExecArguments> arguments = ToServer(raw, std::move(commands), environment);
  return arguments ? Result<Arguments>(*std::move(arguments)) : tl::unexpected(arguments.error());
}

Result<Arguments> ToCreateDb(const Raw& raw, const Environment& environment) {
  if (!IsWord(raw.database) || !IsWord(raw.token)) {
    return Fail(Fault::kInvalid,
                "name and token of a database are one word each, without spaces and semicolons");
  }
  return ToExec(raw,
                "create-db " + raw.database + " " + raw.token +
                    (raw.strategy.empty() ? "" : " " + raw.strategy) +
                    (raw.ack.empty() ? "" : " ack " + raw.ack) + ";",
                environment);
}

Result<Arguments> ToDropDb(const Raw& raw, const Environment& environment) {
  if (!IsWord(raw.database)) {
    return Fail(Fault::kInvalid, "the name of a database is one word without semicolons");
  }
  return ToExec(raw, "drop-db " + raw.database, environment);
}

Result<Arguments> ToOplog(const Raw& raw, const Environment& environment) {
  if (raw.oplog_what == "dump") {
    if (raw.oplog_rest.size() != 1) {
      return Fail(Fault::kInvalid, "oplog dump takes one FILE or FOLDER");
    }
    return DumpArguments{.path = raw.oplog_rest.front()};
  }
  std::string command = "oplog " + raw.oplog_what;
  for (const std::string& word : raw.oplog_rest) {
    if (!IsWord(word)) {
      return Fail(Fault::kInvalid, "what oplog takes are words without spaces and semicolons");
    }
    command += " " + word;
  }
  Result<Arguments> arguments = ToExec(raw, command, environment);
  if (arguments) {
    std::get_if<ExecArguments>(&*arguments)->title = "oplog-" + raw.oplog_what;
  }
  return arguments;
}

Result<Arguments> ToCluster(const CLI::App& cluster, const Raw& raw,
                            const Environment& environment) {
  if (cluster.got_subcommand("recover")) {
    return RecoverArguments{.folder = raw.folder,
                            .oplog_folder = raw.oplog_folder,
                            .into = raw.into,
                            .accepts_loss = raw.accepts_loss};
  }
  ClusterArguments arguments{.which = raw.cluster_which, .json = raw.json, .server = {}};
  if (cluster.got_subcommand("add")) {
    arguments.what = ClusterWhat::kAdd;
    if (const Result<HostPort> address = ParseHostPort(raw.cluster_which); !address) {
      return Fail(Fault::kInvalid, "\"" + raw.cluster_which + "\": " + address.error().detail);
    }
  } else if (!cluster.got_subcommand("status")) {
    arguments.what =
        cluster.got_subcommand("remove") ? ClusterWhat::kRemove : ClusterWhat::kPromote;
    if (const Result<std::uint64_t> id = ParseNumber(raw.cluster_which, 1, UINT64_MAX); !id) {
      return Fail(Fault::kInvalid, "\"" + raw.cluster_which +
                                       "\" is no id of a node: `nunc cluster status` shows them");
    }
  }
  Result<ExecArguments> server = ToServer(raw, "", environment);
  if (!server) {
    return tl::unexpected(server.error());
  }
  arguments.server = *std::move(server);
  return arguments;
}

Result<Arguments> ToBackup(const Raw& raw, const Environment& environment) {
  Result<ExecArguments> server = ToServer(raw, "", environment);
  if (!server) {
    return tl::unexpected(server.error());
  }
  return BackupArguments{.server = *std::move(server),
                         .file = raw.file,
                         .database = raw.database,
                         .replace = raw.force};
}

// The folders where `start` would look for them.
Result<Arguments> ToRestore(const Raw& raw, const Environment& environment) {
  if (raw.database.empty()) {
    return RestoreFolderArguments{
        .file = raw.file,
        .folder = Chosen(raw.data_option, raw.data_folder, environment,
                         {"NUNC_DATA", "NUN_DBS_DIR"}, "./data"),
        .oplog_folder = Chosen(raw.oplog_option, raw.oplog_folder, environment,
                               {"NUNC_OPLOG_DIR", "NUNC_OPLOG_DIR"}, "")};
  }
  const std::string& as = raw.as.empty() ? raw.database : raw.as;
  if (!IsWord(as)) {
    return Fail(Fault::kInvalid, "the name of a database is one word without semicolons");
  }
  Result<ExecArguments> server = ToServer(raw, "", environment);
  if (!server) {
    return tl::unexpected(server.error());
  }
  return RestoreDatabaseArguments{
      .server = *std::move(server), .file = raw.file, .database = raw.database, .as = as};
}

Result<Arguments> ToWatch(const Raw& raw) {
  Result<HostPort> server = ParseHostPort(raw.tcp_address);
  if (!server) {
    return Fail(Fault::kInvalid,
                "--tcp-address \"" + raw.tcp_address + "\": " + server.error().detail);
  }
  // The TCP door takes one command a line, and words are what spaces part.
  if (!IsWord(raw.key) || !IsWord(raw.database) || raw.token.empty() || !IsLine(raw.token) ||
      (!raw.db_user.empty() && !IsWord(raw.db_user))) {
    return Fail(Fault::kInvalid,
                "key, database and user are one word each, without spaces and semicolons; a token "
                "is not empty and has no control characters");
  }
  return WatchArguments{.server = *std::move(server),
                        .database = raw.database,
                        .user = raw.db_user,
                        .token = raw.token,
                        .key = raw.key};
}

Result<Arguments> ToPing(const Raw& raw) {
  Result<HostPort> server = ParseHostPort(raw.tcp_address);
  if (!server) {
    return Fail(Fault::kInvalid,
                "--tcp-address \"" + raw.tcp_address + "\": " + server.error().detail);
  }
  return PingArguments{.server = *std::move(server)};
}

}  // namespace

Result<Arguments> ParseArguments(int argc, const char* const* argv,
                                 const Environment& environment) {
  CLI::App app("Nunc, a realtime key-value database", "nunc");
  Raw raw;
  AddGlobal(app, raw);
  AddStart(app, raw);
  AddClients(app, raw);
  AddDataTools(app, raw);
  AddBackup(app, raw);
  AddCluster(app, raw);
  AddSimulate(app, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return ShowText{app.help()};
  } catch (const CLI::CallForVersion& version) {
    return ShowText{std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    return Fail(Fault::kInvalid, std::string(error.what()) + " (try --help)");
  }
  if (app.got_subcommand("start")) {
    return ToStart(raw);
  }
  if (app.got_subcommand("create-db")) {
    return ToCreateDb(raw, environment);
  }
  if (app.got_subcommand("drop-db")) {
    return ToDropDb(raw, environment);
  }
  if (app.got_subcommand("oplog")) {
    return ToOplog(raw, environment);
  }
  if (app.got_subcommand("check")) {
    return CheckArguments{.folder = raw.folder};
  }
  if (app.got_subcommand("repair")) {
    return RepairArguments{.folder = raw.folder, .keep_prefix = raw.keep_prefix};
  }
  if (app.got_subcommand("cluster")) {
    return ToCluster(*app.get_subcommand("cluster"), raw, environment);
  }
  if (app.got_subcommand("backup")) {
    return ToBackup(raw, environment);
  }
  if (app.got_subcommand("restore")) {
    return ToRestore(raw, environment);
  }
  if (app.got_subcommand("exec")) {
    return ToExec(raw, raw.commands, environment);
  }
  if (app.got_subcommand("watch")) {
    return ToWatch(raw);
  }
  if (app.got_subcommand("ping")) {
    return ToPing(raw);
  }
  if (app.got_subcommand("simulate")) {
    return SimulateArguments{.seed = raw.seed,
                             .seeds = raw.seeds,
                             .duration_ms = static_cast<std::int64_t>(raw.seconds * 1'000),
                             .nodes = raw.arbiter_node ? kMembersWithArbiterNode : raw.nodes,
                             .arbiter_node = raw.arbiter_node,
                             .verbose = raw.verbose};
  }
  return ShowText{app.help()};
}

}  // namespace nunc
