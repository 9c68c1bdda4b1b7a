// watch_check FOLDER DATABASE JOURNAL: whether what watchers were told keeps the watch contract.
//
// FOLDER is the data folder of a server that has ended, with all of its op log; JOURNAL is what the
// watchers of DATABASE have written down (journal.h). Prints what is broken, and how much was
// looked at. Exit status 1: something is broken; 2: it cannot be told.
#include <fstream>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "journal.h"
#include "op_log.h"
#include "posix/disk.h"

int main(int argc, char** argv) {
  const std::span<char*> words(argv, static_cast<std::size_t>(argc));
  if (words.size() != 4) {
    std::cerr << "usage: watch_check FOLDER DATABASE JOURNAL\n";
    return 2;
  }
  const auto disk = nunc::PosixDisk::Open(words[1], nunc::FolderAccess::kReadOnly);
  if (!disk) {
    std::cerr << disk.error().detail << '\n';
    return 2;
  }
  nunc::Result<nunc::OpLog> log = nunc::ReadOpLog(**disk);
  if (!log) {
    std::cerr << log.error().detail << '\n';
    return 2;
  }
  nunc::LoggedDatabase* database = log->Find(words[2]);
  std::ifstream lines(words[3]);
  if (database == nullptr || !lines) {
    std::cerr << (database == nullptr ? "no such database: " : "cannot be read: ")
              << words[database == nullptr ? 2 : 3] << '\n';
    return 2;
  }
  nunc::Journal journal;
  journal.Read(lines);
  const std::vector<std::string> violations = journal.Check(*database, log->newest());
  for (const std::string& violation : violations) {
    std::cout << violation << '\n';
  }
  const nunc::Journal::Sums& sums = journal.sums();
  std::cout << sums.watchers << " watchers, " << sums.watches << " watches, " << sums.changes
            << " changes, " << sums.readies << " readies, " << violations.size() << " violations\n";
  return violations.empty() ? 0 : 1;
}
