#include "posix/disk.h"

#include <array>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "posix/child_fixture.h"

namespace nunc {
namespace {

std::unique_ptr<PosixDisk> MustOpen(const std::string& folder,
                                    FolderAccess access = FolderAccess::kExisting) {
  Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::Open(folder, access);
  EXPECT_TRUE(disk) << disk.error().detail;
  return disk ? std::move(*disk) : nullptr;
}

std::unique_ptr<File> MustOpenFile(Disk& disk, std::string_view name, OpenMode mode) {
  Result<std::unique_ptr<File>> file = disk.Open(name, mode);
  EXPECT_TRUE(file) << file.error().detail;
  return file ? std::move(*file) : nullptr;
}

std::string ReadAll(File& file) {
  std::string text(64, '?');
  const Result<std::size_t> length = file.Read(0, text);
  EXPECT_TRUE(length) << length.error().detail;
  return text.substr(0, length.value_or(0));
}

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

std::vector<std::string> Names(Disk& disk) {
  const Result<std::vector<FileInfo>> files = disk.List();
  EXPECT_TRUE(files);
  std::vector<std::string> names;
  for (const FileInfo& file : *files) {
    names.push_back(file.name + ":" + std::to_string(file.bytes));
  }
  return names;
}

TEST(PosixFile, WhatIsWrittenIsRead) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  const auto file = MustOpenFile(*disk, "a", OpenMode::kCreate);
  ASSERT_TRUE(file->Write(0, "hello world"));
  ASSERT_TRUE(file->Write(6, "there, you"));
  ASSERT_TRUE(file->Sync());
  EXPECT_EQ(file->Size().value(), 16U);
  EXPECT_EQ(ReadAll(*file), "hello there, you");
  EXPECT_EQ(ModeOf(folder.path() + "/a"), 0600U);
}

TEST(PosixFile, AReadGivesLessOnlyAtTheEnd) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  const auto file = MustOpenFile(*disk, "a", OpenMode::kCreate);
  ASSERT_TRUE(file->Write(0, "abcdef"));
  std::array<char, 4> piece{};
  EXPECT_EQ(file->Read(0, piece).value(), 4U);
  EXPECT_EQ(std::string_view(piece.data(), 4), "abcd");
  EXPECT_EQ(file->Read(4, piece).value(), 2U);
  EXPECT_EQ(std::string_view(piece.data(), 2), "ef");
  EXPECT_EQ(file->Read(6, piece).value(), 0U);
  EXPECT_EQ(file->Read(1'000, piece).value(), 0U);
}

TEST(PosixFile, AGapReadsAsZeros) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  const auto file = MustOpenFile(*disk, "a", OpenMode::kCreate);
  ASSERT_TRUE(file->Write(3, "x"));
  EXPECT_EQ(ReadAll(*file), std::string("\0\0\0x", 4));
}

TEST(PosixFile, AReservedFileIsLongerAndReadsAsZeros) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  const auto file = MustOpenFile(*disk, "a", OpenMode::kCreate);
  ASSERT_TRUE(file->Write(0, "ab"));
  ASSERT_TRUE(file->Reserve(5));
  EXPECT_EQ(ReadAll(*file), std::string("ab\0\0\0", 5));
  ASSERT_TRUE(file->Reserve(0));
  ASSERT_TRUE(file->Reserve(3));
  EXPECT_EQ(file->Size().value(), 5U);
}

TEST(PosixFile, ANegativeOffsetOfTheSystemIsAnErrorOfOurs) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  const auto file = MustOpenFile(*disk, "a", OpenMode::kCreate);
  const Result<void> written = file->Write(~std::uint64_t{0}, "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().fault, Fault::kIo);
  EXPECT_NE(written.error().detail.find(folder.path() + "/a"), std::string::npos);
}

TEST(PosixFile, OpenedForReadingRefusesWrites) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  ASSERT_TRUE(MustOpenFile(*disk, "a", OpenMode::kCreate)->Write(0, "kept"));
  const auto file = MustOpenFile(*disk, "a", OpenMode::kRead);
  EXPECT_EQ(file->Write(0, "lost").error().fault, Fault::kInvalid);
  EXPECT_EQ(file->Reserve(100).error().fault, Fault::kInvalid);
  EXPECT_EQ(ReadAll(*file), "kept");
}

TEST(PosixFile, OutlivesItsDisk) {
  const TempFolder folder;
  auto disk = MustOpen(folder.path());
  const auto file = MustOpenFile(*disk, "a", OpenMode::kCreate);
  disk.reset();
  EXPECT_TRUE(file->Write(0, "x"));
}

TEST(PosixDisk, CreateEmptiesAndReadWriteKeeps) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  ASSERT_TRUE(MustOpenFile(*disk, "a", OpenMode::kCreate)->Write(0, "old"));
  EXPECT_EQ(ReadAll(*MustOpenFile(*disk, "a", OpenMode::kReadWrite)), "old");
  EXPECT_EQ(ReadAll(*MustOpenFile(*disk, "a", OpenMode::kCreate)), "");
}

TEST(PosixDisk, AMissingFileIsNotFound) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  EXPECT_EQ(disk->Open("a", OpenMode::kRead).error().fault, Fault::kNotFound);
  EXPECT_EQ(disk->Open("a", OpenMode::kReadWrite).error().fault, Fault::kNotFound);
  EXPECT_EQ(disk->Rename("a", "b").error().fault, Fault::kNotFound);
  EXPECT_EQ(disk->Remove("a").error().fault, Fault::kNotFound);
  EXPECT_NE(disk->Remove("a").error().detail.find(disk->PathOf("a")), std::string::npos);
}

TEST(PosixDisk, RefusesNamesThatAreNotPlain) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  ASSERT_TRUE(disk->Open("plain", OpenMode::kCreate));
  const std::string with_zero("a\0b", 3);
  const std::string long_name(256, 'n');
  for (const std::string_view name :
       {std::string_view(""), std::string_view("."), std::string_view(".."),
        std::string_view("../a"), std::string_view("a/b"), std::string_view(with_zero),
        std::string_view(long_name), std::string_view("LOCK")}) {
    EXPECT_EQ(disk->Open(name, OpenMode::kCreate).error().fault, Fault::kInvalid) << name;
    EXPECT_EQ(disk->Rename("plain", name).error().fault, Fault::kInvalid) << name;
    EXPECT_EQ(disk->Rename(name, "plain").error().fault, Fault::kInvalid) << name;
    EXPECT_EQ(disk->Remove(name).error().fault, Fault::kInvalid) << name;
  }
  EXPECT_TRUE(disk->Open(std::string(255, 'n'), OpenMode::kCreate));
}

TEST(PosixDisk, ListsRegularFilesInByteOrder) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  for (const std::string_view name : {"b", "a10", "a2", "\xff"}) {
    ASSERT_TRUE(MustOpenFile(*disk, name, OpenMode::kCreate)->Write(0, name));
  }
  std::filesystem::create_directory(folder.path() + "/folder");
  std::filesystem::create_symlink("b", folder.path() + "/link");
  ASSERT_EQ(mkfifo((folder.path() + "/pipe").c_str(), 0600), 0);
  const std::vector<std::string> expected = {"a10:3", "a2:2", "b:1", "\xff:1"};
  EXPECT_EQ(Names(*disk), expected);
  EXPECT_EQ(Names(*disk), expected);
}

TEST(PosixDisk, OpensNothingButRegularFiles) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  std::filesystem::create_directory(folder.path() + "/folder");
  std::filesystem::create_symlink("/etc/passwd", folder.path() + "/link");
  ASSERT_EQ(mkfifo((folder.path() + "/pipe").c_str(), 0600), 0);
  for (const std::string_view name : {"folder", "link", "pipe"}) {
    EXPECT_EQ(disk->Open(name, OpenMode::kRead).error().fault, Fault::kIo) << name;
    EXPECT_EQ(disk->Open(name, OpenMode::kReadWrite).error().fault, Fault::kIo) << name;
  }
}

TEST(PosixDisk, RenameReplacesAndRemoveRemoves) {
  const TempFolder folder;
  const auto disk = MustOpen(folder.path());
  ASSERT_TRUE(MustOpenFile(*disk, "new", OpenMode::kCreate)->Write(0, "new"));
  ASSERT_TRUE(MustOpenFile(*disk, "old", OpenMode::kCreate)->Write(0, "older"));
  ASSERT_TRUE(disk->Rename("new", "old"));
  EXPECT_EQ(Names(*disk), std::vector<std::string>{"old:3"});
  ASSERT_TRUE(disk->Remove("old"));
  ASSERT_TRUE(disk->SyncFolder());
  EXPECT_EQ(Names(*disk), std::vector<std::string>{});
}

TEST(PosixDisk, StaysInItsFolderWhenThatIsRenamed) {
  const TempFolder folder;
  const std::string path = folder.path() + "/data";
  const auto disk = MustOpen(path, FolderAccess::kCreate);
  std::filesystem::rename(path, folder.path() + "/moved");
  EXPECT_TRUE(disk->Open("a", OpenMode::kCreate));
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/moved/a"));
}

TEST(PosixDisk, MakesTheFolderForItsOwnerAlone) {
  const TempFolder folder;
  const std::string path = folder.path() + "/data";
  const auto disk = MustOpen(path + "//", FolderAccess::kCreate);
  EXPECT_EQ(ModeOf(path), 0700U);
  EXPECT_EQ(ModeOf(path + "/LOCK"), 0600U);
  EXPECT_EQ(disk->PathOf("a"), path + "/a");
}

TEST(PosixDisk, MakesAFolderNamedWithoutASlash) {
  const TempFolder folder;
  EXPECT_EQ(InChild([&] {
              const bool there = chdir(folder.path().c_str()) == 0;
              const auto disk = PosixDisk::Open("data", FolderAccess::kCreate);
              return there && disk ? "opened" : disk.error().detail;
            }),
            "opened");
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/data/LOCK"));
}

TEST(PosixDisk, TakesAnExistingFolderWithCreateToo) {
  const TempFolder folder;
  ASSERT_TRUE(MustOpen(folder.path(), FolderAccess::kCreate)->Open("a", OpenMode::kCreate));
  EXPECT_EQ(Names(*MustOpen(folder.path(), FolderAccess::kCreate)),
            std::vector<std::string>{"a:0"});
}

TEST(PosixDisk, DoesNotMakeParents) {
  const TempFolder folder;
  const auto disk = PosixDisk::Open(folder.path() + "/no/data", FolderAccess::kCreate);
  ASSERT_FALSE(disk);
  EXPECT_EQ(disk.error().fault, Fault::kNotFound);
  EXPECT_EQ(disk.error().detail, "cannot make the folder " + folder.path() + "/no/data in " +
                                     folder.path() +
                                     "/no: No such file or directory; make it, or name another "
                                     "folder");
}

TEST(PosixDisk, AMissingFolderIsNotFound) {
  const TempFolder folder;
  for (const FolderAccess access : {FolderAccess::kExisting, FolderAccess::kReadOnly}) {
    const auto disk = PosixDisk::Open(folder.path() + "/data", access);
    ASSERT_FALSE(disk);
    EXPECT_EQ(disk.error().fault, Fault::kNotFound);
    EXPECT_EQ(disk.error().detail, "cannot open the folder " + folder.path() +
                                       "/data: No such file or directory; make it, or name "
                                       "another folder");
  }
}

TEST(PosixDisk, AFileIsNoFolder) {
  const TempFolder folder;
  const std::string path = folder.path() + "/file";
  std::ofstream(path) << "x";
  for (const FolderAccess access : {FolderAccess::kCreate, FolderAccess::kExisting}) {
    const auto disk = PosixDisk::Open(path, access);
    ASSERT_FALSE(disk);
    EXPECT_EQ(disk.error().fault, Fault::kInvalid);
    EXPECT_EQ(disk.error().detail,
              "cannot open the folder " + path + ": Not a directory; name a folder");
  }
  EXPECT_EQ(PosixDisk::Open(path + "/data", FolderAccess::kCreate).error().fault, Fault::kInvalid);
}

TEST(PosixDisk, RefusesPathsThatAreTooLongOrEmpty) {
  const std::string path = "/tmp/" + std::string(300, 'x');
  for (const FolderAccess access : {FolderAccess::kCreate, FolderAccess::kExisting}) {
    const auto disk = PosixDisk::Open(path, access);
    ASSERT_FALSE(disk);
    EXPECT_EQ(disk.error().fault, Fault::kInvalid);
    EXPECT_NE(disk.error().detail.find("shorter path"), std::string::npos);
    EXPECT_EQ(PosixDisk::Open("", access).error().fault, Fault::kInvalid);
    EXPECT_EQ(PosixDisk::Open(std::string("/tmp\0x", 6), access).error().fault, Fault::kInvalid);
  }
}

TEST(PosixDisk, ReadOnlyTakesNoLockAndChangesNothing) {
  const TempFolder folder;
  ASSERT_TRUE(MustOpen(folder.path())->Open("a", OpenMode::kCreate));
  std::filesystem::remove(folder.path() + "/LOCK");
  const auto disk = MustOpen(folder.path(), FolderAccess::kReadOnly);
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/LOCK"));
  EXPECT_EQ(Names(*disk), std::vector<std::string>{"a:0"});
  EXPECT_TRUE(disk->Open("a", OpenMode::kRead));
  EXPECT_EQ(disk->Open("a", OpenMode::kReadWrite).error().fault, Fault::kInvalid);
  EXPECT_EQ(disk->Open("b", OpenMode::kCreate).error().fault, Fault::kInvalid);
  EXPECT_EQ(disk->Rename("a", "b").error().fault, Fault::kInvalid);
  EXPECT_EQ(disk->Remove("a").error().fault, Fault::kInvalid);
  EXPECT_EQ(disk->SyncFolder().error().fault, Fault::kInvalid);
  EXPECT_EQ(Names(*disk), std::vector<std::string>{"a:0"});
}

TEST(PosixDisk, ReadOnlyOpensAFolderInUse) {
  const TempFolder folder;
  const auto server = MustOpen(folder.path());
  EXPECT_TRUE(MustOpen(folder.path(), FolderAccess::kReadOnly));
}

TEST(PosixDisk, ASecondServerIsRefusedAndTheFirstNamed) {
  const TempFolder folder;
  const auto first = MustOpen(folder.path());
  const std::string refused = InChild([&] {
    const auto second = PosixDisk::Open(folder.path(), FolderAccess::kExisting);
    return second || second.error().fault != Fault::kUnavailable ? "opened" : second.error().detail;
  });
  EXPECT_EQ(refused, "the folder " + folder.path() + " is in use by process " +
                         std::to_string(getpid()) + ", which holds " + folder.path() +
                         "/LOCK; stop it, or name another folder");
}

TEST(PosixDisk, ASecondServerIsRefusedWhereThePidIsUnreadable) {
  const TempFolder folder;
  const auto first = MustOpen(folder.path());
  std::ofstream(folder.path() + "/LOCK") << "-";
  const auto second = PosixDisk::Open(folder.path(), FolderAccess::kCreate);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::kUnavailable);
  EXPECT_NE(second.error().detail.find("in use by another process"), std::string::npos);
}

TEST(PosixDisk, TheFolderIsFreeAgainAfterTheFirst) {
  const TempFolder folder;
  std::ofstream(folder.path() + "/LOCK") << "12345678901234567890";
  auto first = MustOpen(folder.path());
  first.reset();
  const auto second = MustOpen(folder.path());
  EXPECT_TRUE(second);
  std::ostringstream holder;
  holder << std::ifstream(folder.path() + "/LOCK").rdbuf();
  EXPECT_EQ(holder.str(), std::to_string(getpid()) + "\n");
}

TEST(PosixDisk, AKilledProcessHoldsNoLock) {
  const TempFolder folder;
  EXPECT_EQ(InChild([&]() -> std::string {
              const auto disk = PosixDisk::Open(folder.path(), FolderAccess::kExisting);
              _exit(disk ? 3 : 0);
            }),
            "died");
  EXPECT_TRUE(MustOpen(folder.path()));
}

}  // namespace
}  // namespace nunc
