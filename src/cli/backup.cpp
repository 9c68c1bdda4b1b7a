#include "cli/backup.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "cli/empty_folder.h"
#include "cli/http_client.h"
#include "cli/importer.h"
#include "cli/progress.h"
#include "node/backup_file.h"
#include "posix/clock.h"
#include "posix/descriptor.h"
#include "posix/disk.h"
#include "posix/random.h"
#include "storage/oplog_state.h"

namespace nunc {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kBackupMode = 0600;  // it holds tokens

ExitCode Complain(const Printer& printer, const Error& error,
                  ExitCode unavailable = ExitCode::kUnreachable) {
  printer.say(error.detail);
  return CodeOf(error.fault, unavailable);
}

AdminAccess AccessOf(const ExecArguments& server) {
  return {.host = server.host, .user = server.user, .password = server.password};
}

std::string FolderOf(const std::string& file) {
  const fs::path parent = fs::path(file).parent_path();
  return parent.empty() ? "." : parent.string();
}

// A backup that is there, and the disk that it is on.
struct OpenedFile {
  std::unique_ptr<PosixDisk> disk;
  std::unique_ptr<File> file;
};

Result<OpenedFile> OpenToRead(const std::string& path) {
  Result<std::unique_ptr<PosixDisk>> disk =
      PosixDisk::Open(FolderOf(path), FolderAccess::kReadOnly);
  if (!disk) {
    return tl::unexpected(disk.error());
  }
  Result<std::unique_ptr<File>> file =
      (*disk)->Open(fs::path(path).filename().string(), OpenMode::kRead);
  if (!file) {
    return tl::unexpected(file.error());
  }
  return OpenedFile{.disk = std::move(*disk), .file = std::move(*file)};
}

// The file while it has its own name only with `.tmp` behind it; gone unless Publish was called.
class NewFile {
 public:
  explicit NewFile(const std::string& path) : path_(path), unfinished_(path + ".tmp") {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (file_.fd() >= 0) {
      unlink(unfinished_.c_str());
    }
  }

  Result<void> Create() {
    file_ = Descriptor(
        open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kBackupMode));
    return file_.fd() >= 0 ? Result<void>() : Failed("cannot make");
  }

  Result<void> Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written =
          Uninterrupted([&] { return write(file_.fd(), bytes.data(), bytes.size()); });
      if (written < 0) {
        return Failed("cannot write");
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Result<void> Publish() {
    if (fsync(file_.fd()) != 0 || rename(unfinished_.c_str(), path_.c_str()) != 0) {
      return Failed("cannot finish");
    }
    file_ = Descriptor();
    const Descriptor folder(open(FolderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return fsync(folder.fd()) == 0 ? Result<void>() : Failed("cannot sync the folder of");
  }

  [[nodiscard]] const std::string& unfinished() const { return unfinished_; }

 private:
  [[nodiscard]] Result<void> Failed(std::string_view what) const {
    return tl::unexpected(SystemError(what, unfinished_, errno));
  }

  std::string path_;
  std::string unfinished_;
  Descriptor file_;
};

void Tell(const Printer& printer, const std::string& what, const SnapshotSummary& summary) {
  printer.print(what + ": " + std::to_string(summary.end.databases) + " databases, " +
                std::to_string(summary.end.entries) + " entries and " +
                std::to_string(summary.end.records) + " records, revision " +
                std::to_string(summary.end.revision.value) + ", " + std::to_string(summary.bytes) +
                " bytes");
}

Result<SnapshotSummary> LoadFile(const std::string& path, std::string_view only, Store& store) {
  Result<OpenedFile> opened = OpenToRead(path);
  if (!opened) {
    return tl::unexpected(opened.error());
  }
  const Result<std::uint64_t> size = opened->file->Size();
  if (!size) {
    return tl::unexpected(size.error());
  }
  FileSource source(*opened->file);
  Progress progress("read", *size, Progress::Unit::kBytes);
  return LoadBackup(source, path, only, store, [&](std::uint64_t bytes) { progress.Show(bytes); });
}

Result<SnapshotSummary> VerifyFile(const std::string& unfinished) {
  Result<OpenedFile> opened = OpenToRead(unfinished);
  if (!opened) {
    return tl::unexpected(opened.error());
  }
  FileSource source(*opened->file);
  return VerifyBackup(source, unfinished, [](std::uint64_t) {});
}

}  // namespace

// ---- backup

ExitCode MakeBackup(const BackupArguments& arguments, const Printer& printer) {
  std::error_code unknown;
  if (!arguments.replace && fs::exists(arguments.file, unknown)) {
    return Complain(printer, {.fault = Fault::kInvalid,
                              .detail = arguments.file + " is there already: name another file, or "
                                                         "say --force to replace it"});
  }
  NewFile file(arguments.file);
  std::optional<Progress> progress;
  RawCounter counter;
  const BodyTaker taker{.begin =
                            [&](std::uint64_t estimate) {
                              // It is of everything.
                              progress.emplace("backup", arguments.database.empty() ? estimate : 0,
                                               Progress::Unit::kBytes);
                              return file.Create();
                            },
                        .take =
                            [&](std::string_view bytes) {
                              counter.Take(bytes);
                              progress->Show(counter.raw_bytes());
                              return file.Write(bytes);
                            }};
  AdminClient client(AccessOf(arguments.server));
  const std::string query =
      arguments.database.empty() ? "" : "?db=" + client.Escape(arguments.database);
  const Result<void> got = client.Get("/v1/backup" + query, taker);
  progress.reset();
  if (!got) {
    return Complain(printer, got.error());
  }
  const Result<SnapshotSummary> verified = VerifyFile(file.unfinished());
  if (!verified) {
    return Complain(printer, verified.error());
  }
  if (const Result<void> published = file.Publish(); !published) {
    return Complain(printer, published.error());
  }
  Tell(printer, "backup " + arguments.file, *verified);
  return ExitCode::kOk;
}

// ---- restore into a folder

ExitCode RestoreFolder(const RestoreFolderArguments& arguments, const Printer& printer) {
  EmptyFolder data(arguments.folder);
  std::optional<EmptyFolder> log;
  if (!arguments.oplog_folder.empty() && arguments.oplog_folder != arguments.folder) {
    log.emplace(arguments.oplog_folder);
  }
  Result<void> opened = data.Open();
  if (opened && log) {
    opened = log->Open();
  }
  if (!opened) {
    return Complain(printer, opened.error(), ExitCode::kCannotBind);
  }
  PosixClock clock;
  PosixRandom random;
  Store store(random.Next(), "none");
  // All of it is verified before anything is written.
  const Result<SnapshotSummary> loaded = LoadFile(arguments.file, {}, store);
  if (!loaded) {
    return Complain(printer, loaded.error());
  }
  const Result<void> written = WriteFolder({.data = data.disk(),
                                            .log = log ? log->disk() : data.disk(),
                                            .clock = clock,
                                            .random = random},
                                           store, *loaded, kSegmentBytesDefault);
  if (!written) {
    return Complain(printer, written.error());
  }
  data.Keep();
  if (log) {
    log->Keep();
  }
  Tell(printer, "restored into " + arguments.folder, *loaded);
  return ExitCode::kOk;
}

// ---- restore into a server

ExitCode RestoreDatabase(const RestoreDatabaseArguments& arguments, const Printer& printer) {
  PosixRandom random;
  Store store(random.Next(), "none");
  const Result<SnapshotSummary> loaded = LoadFile(arguments.file, arguments.database, store);
  if (!loaded) {
    return Complain(printer, loaded.error());
  }
  const Database* database = store.Find(arguments.database);
  if (database == nullptr || database->is_unfinished()) {
    return Complain(printer, {.fault = Fault::kInvalid,
                              .detail = arguments.file + ": " + arguments.database +
                                        " was not restored to its end when this was made"});
  }
  AdminClient client(AccessOf(arguments.server));
  Importer importer(client, store, *database, loaded->end.revision, arguments.as);
  if (const Result<void> done = importer.Run(); !done) {
    return Complain(printer, done.error());
  }
  printer.print("restored " + arguments.database + " as " + arguments.as + ": " +
                std::to_string(importer.entries()) + " entries, as of revision " +
                std::to_string(loaded->end.revision.value));
  return ExitCode::kOk;
}

}  // namespace nunc
