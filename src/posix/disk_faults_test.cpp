// What the machine refuses: permissions, space, system calls.
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "posix/child_fixture.h"
#include "posix/disk.h"

namespace nunc {
namespace {

constexpr std::size_t kSmallDiskBytes = 262'144;

std::string Told(const Error& error) {
  return std::to_string(static_cast<int>(error.fault)) + " " + error.detail;
}

template <class T>
std::string Told(const Result<T>& result) {
  return result ? "ok" : Told(result.error());
}

std::string TellOf(Fault fault, const std::string& detail) {
  return Told(Error{.fault = fault, .detail = detail});
}

std::string OpenAsNobody(const std::string& path, FolderAccess access) {
  return InChild(
      [&] { return BecomeNobody() ? Told(PosixDisk::Open(path, access)) : "still root"; });
}

unsigned NobodyHere() {
  return geteuid() == 0 ? kNobody : geteuid();
}

TEST(PosixDiskFaults, AFolderOfAnotherUserIsUnavailableAndSaysWhose) {
  EXPECT_EQ(
      OpenAsNobody("/", FolderAccess::kExisting),
      TellOf(Fault::kUnavailable,
             "cannot write /: Permission denied; it belongs to user 0 and this process is "
             "user " +
                 std::to_string(NobodyHere()) + ": run it as the owner, or give it with chown -R " +
                 std::to_string(NobodyHere())));
}

TEST(PosixDiskFaults, AFolderCannotBeMadeInOneOfAnotherUser) {
  const std::string told = OpenAsNobody("/nunc-data", FolderAccess::kCreate);
  EXPECT_TRUE(told.starts_with(
      TellOf(Fault::kUnavailable,
             "cannot make the folder /nunc-data in /: Permission denied; it belongs to user 0")))
      << told;
}

TEST(PosixDiskFaults, ALockFileOfAnotherUserIsNamed) {
  const TempFolder folder;
  ASSERT_TRUE(PosixDisk::Open(folder.path(), FolderAccess::kExisting));
  ASSERT_EQ(chmod(folder.path().c_str(), 0777), 0);
  ASSERT_EQ(chmod((folder.path() + "/LOCK").c_str(), 0400), 0);
  const std::string told = OpenAsNobody(folder.path(), FolderAccess::kExisting);
  EXPECT_TRUE(told.starts_with(TellOf(
      Fault::kUnavailable, "cannot write " + folder.path() + "/LOCK: Permission denied; it")))
      << told;
}

TEST(PosixDiskFaults, AFolderWithoutWriteRightIsUnavailableAndSaysItsMode) {
  const TempFolder folder;
  ASSERT_TRUE(geteuid() != 0 || chown(folder.path().c_str(), kNobody, kNobody) == 0);
  ASSERT_EQ(chmod(folder.path().c_str(), 0500), 0);
  EXPECT_EQ(OpenAsNobody(folder.path(), FolderAccess::kCreate),
            TellOf(Fault::kUnavailable, "cannot write " + folder.path() +
                                            ": Permission denied; its mode is 0500: give its "
                                            "owner all rights with chmod u+rwX"));
  EXPECT_EQ(OpenAsNobody(folder.path(), FolderAccess::kReadOnly), "ok");
}

TEST(PosixDiskFaults, AFolderThatCannotBeReachedIsUnavailable) {
  const TempFolder folder;
  ASSERT_TRUE(PosixDisk::Open(folder.path() + "/data", FolderAccess::kCreate));
  ASSERT_EQ(chmod(folder.path().c_str(), 0), 0);
  EXPECT_EQ(OpenAsNobody(folder.path() + "/data", FolderAccess::kExisting),
            TellOf(Fault::kUnavailable, "cannot open the folder " + folder.path() +
                                            "/data: Permission denied; this user may not enter "
                                            "a folder above it"));
  ASSERT_EQ(chmod(folder.path().c_str(), 0700), 0);
}

TEST(PosixDiskFaults, AReadOnlyFileSystemIsUnavailable) {
  const TempFolder folder;
  EXPECT_EQ(
      InChild([&]() -> std::string {
        if (!MountSmallDisk(folder.path(), kSmallDiskBytes) ||
            mount("none", folder.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
          return "cannot mount";
        }
        return Told(PosixDisk::Open(folder.path(), FolderAccess::kCreate));
      }),
      TellOf(Fault::kUnavailable, "cannot write " + folder.path() +
                                      ": Read-only file system; mount it writable, or "
                                      "name another folder"));
}

// Gives what `body` gives on a disk that is soon full, in a child.
std::string OnSmallDisk(const TempFolder& folder, const std::function<std::string(Disk&)>& body) {
  return InChild([&]() -> std::string {
    if (!MountSmallDisk(folder.path(), kSmallDiskBytes)) {
      return "cannot mount";
    }
    const auto disk = PosixDisk::Open(folder.path(), FolderAccess::kExisting);
    return disk ? body(**disk) : Told(disk);
  });
}

TEST(PosixDiskFaults, AWriteToAFullDiskIsNoSpaceAndChangesNothing) {
  const TempFolder folder;
  const std::string told = OnSmallDisk(folder, [](Disk& disk) {
    const auto file = disk.Open("a", OpenMode::kCreate);
    const Result<void> small = (*file)->Write(0, std::string(5'000, 'a'));
    const Result<void> large = (*file)->Write(5'000, std::string(400'000, 'b'));
    return Told(small) + ", " + Told(large) + ", " + std::to_string((*file)->Size().value());
  });
  EXPECT_EQ(told, "ok, " +
                      TellOf(Fault::kNoSpace,
                             "cannot write " + folder.path() + "/a: No space left on device") +
                      ", 5000");
}

TEST(PosixDiskFaults, AReserveThatDoesNotFitIsNoSpaceAndChangesNothing) {
  const TempFolder folder;
  const std::string told = OnSmallDisk(folder, [](Disk& disk) {
    const auto file = disk.Open("a", OpenMode::kCreate);
    const Result<void> reserved = (*file)->Reserve(1 << 20);
    return Told(reserved) + ", " + std::to_string((*file)->Size().value());
  });
  EXPECT_EQ(told, TellOf(Fault::kNoSpace, "cannot reserve space for " + folder.path() +
                                              "/a: No space left on device") +
                      ", 0");
}

TEST(PosixDiskFaults, WritesToReservedSpaceSucceedOnAFullDisk) {
  const TempFolder folder;
  const std::string told = OnSmallDisk(folder, [](Disk& disk) {
    const auto reserved = disk.Open("a", OpenMode::kCreate);
    const auto other = disk.Open("b", OpenMode::kCreate);
    const Result<void> room = (*reserved)->Reserve(32'768);
    Result<void> filled;
    for (std::uint64_t offset = 0; filled; offset += 512) {
      filled = (*other)->Write(offset, std::string(512, 'b'));
    }
    const Result<void> written = (*reserved)->Write(0, std::string(32'768, 'a'));
    const bool full = filled.error().fault == Fault::kNoSpace;
    return Told(room) + (full ? " full " : " not full ") + Told(written);
  });
  EXPECT_EQ(told, "ok full ok");
}

TEST(PosixDiskFaults, AFullDiskCanBeOpened) {
  const TempFolder folder;
  const std::string told = InChild([&]() -> std::string {
    if (!MountSmallDisk(folder.path(), kSmallDiskBytes)) {
      return "cannot mount";
    }
    {
      const auto disk = PosixDisk::Open(folder.path(), FolderAccess::kExisting);
      const auto file = (*disk)->Open("a", OpenMode::kCreate);
      std::uint64_t offset = 0;
      while ((*file)->Write(offset, std::string(512, 'a'))) {
        offset += 512;
      }
    }
    return Told(PosixDisk::Open(folder.path(), FolderAccess::kCreate));
  });
  EXPECT_EQ(told, "ok");
}

// Gives what `body` gives in a child whose system call `number` fails with `code`.
std::string Refused(const TempFolder& folder, int number, int code,
                    const std::function<std::string(Disk&, File&)>& body) {
  return InChild([&]() -> std::string {
    const auto disk = PosixDisk::Open(folder.path(), FolderAccess::kExisting);
    const auto file = (*disk)->Open("a", OpenMode::kCreate);
    if (!file || !(*file)->Write(0, "abc") || !RefuseSystemCall(number, code)) {
      return "cannot prepare";
    }
    return body(**disk, **file);
  });
}

TEST(PosixDiskFaults, WithoutFallocateTheSpaceIsFilledWithZeros) {
  const TempFolder folder;
  const std::string told = Refused(folder, SYS_fallocate, EOPNOTSUPP, [](Disk&, File& file) {
    const Result<void> reserved = file.Reserve(200'000);
    std::string bytes(300'000, '?');
    bytes.resize(file.Read(0, bytes).value_or(0));
    const bool zeros = bytes == "abc" + std::string(199'997, '\0');
    return Told(reserved) + (zeros ? " zeros" : " not zeros");
  });
  EXPECT_EQ(told, "ok zeros");
  struct stat info {};
  ASSERT_EQ(stat((folder.path() + "/a").c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, 200'000);
}

TEST(PosixDiskFaults, WithoutFallocateAFullDiskIsNoSpace) {
  const TempFolder folder;
  const std::string told = OnSmallDisk(folder, [](Disk& disk) -> std::string {
    const auto file = disk.Open("a", OpenMode::kCreate);
    if (!RefuseSystemCall(SYS_fallocate, EOPNOTSUPP)) {
      return "cannot prepare";
    }
    const Result<void> reserved = (*file)->Reserve(1 << 20);
    return Told(reserved) + ", " + std::to_string((*file)->Size().value());
  });
  EXPECT_EQ(told, TellOf(Fault::kNoSpace, "cannot reserve space for " + folder.path() +
                                              "/a: No space left on device") +
                      ", 0");
}

TEST(PosixDiskFaults, AnExhaustedQuotaIsNoSpace) {
  const TempFolder folder;
  const auto detail = [&](const std::string& what) {
    return TellOf(Fault::kNoSpace, what + " " + folder.path() + "/a: Disk quota exceeded");
  };
  EXPECT_EQ(Refused(folder, SYS_pwrite64, EDQUOT,
                    [](Disk&, File& file) { return Told(file.Write(0, "x")); }),
            detail("cannot write"));
  EXPECT_EQ(Refused(folder, SYS_fallocate, EDQUOT,
                    [](Disk&, File& file) { return Told(file.Reserve(100)); }),
            detail("cannot reserve space for"));
  EXPECT_EQ(
      Refused(folder, SYS_fdatasync, EDQUOT, [](Disk&, File& file) { return Told(file.Sync()); }),
      detail("cannot sync"));
}

TEST(PosixDiskFaults, AFailingMediumIsIoWithThePathInEveryCall) {
  const TempFolder folder;
  const auto io = [&](const std::string& what, const std::string& name) {
    return TellOf(Fault::kIo, what + " " + folder.path() + name + ": Input/output error");
  };
  EXPECT_EQ(Refused(folder, SYS_pwrite64, EIO,
                    [](Disk&, File& file) { return Told(file.Write(0, "x")); }),
            io("cannot write", "/a"));
  EXPECT_EQ(Refused(folder, SYS_pread64, EIO,
                    [](Disk&, File& file) {
                      std::string into(8, '?');
                      return Told(file.Read(0, into));
                    }),
            io("cannot read", "/a"));
  EXPECT_EQ(
      Refused(folder, SYS_fallocate, EIO, [](Disk&, File& file) { return Told(file.Reserve(9)); }),
      io("cannot reserve space for", "/a"));
  EXPECT_EQ(
      Refused(folder, SYS_fdatasync, EIO, [](Disk&, File& file) { return Told(file.Sync()); }),
      io("cannot sync", "/a"));
  EXPECT_EQ(
      Refused(folder, SYS_fsync, EIO, [](Disk& disk, File&) { return Told(disk.SyncFolder()); }),
      io("cannot sync the folder", ""));
  EXPECT_EQ(Refused(folder, SYS_openat, EIO,
                    [](Disk& disk, File&) { return Told(disk.Open("b", OpenMode::kCreate)); }),
            io("cannot open", "/b"));
  EXPECT_EQ(
      Refused(folder, SYS_getdents64, EIO, [](Disk& disk, File&) { return Told(disk.List()); }),
      io("cannot list", ""));
  EXPECT_EQ(
      Refused(folder, SYS_unlinkat, EIO, [](Disk& disk, File&) { return Told(disk.Remove("a")); }),
      io("cannot remove", "/a"));
}

TEST(PosixDiskFaults, AParentThatDoesNotSyncIsAnError) {
  const TempFolder folder;
  const std::string told = InChild([&]() -> std::string {
    if (!RefuseSystemCall(SYS_fsync, EIO)) {
      return "cannot prepare";
    }
    return Told(PosixDisk::Open(folder.path() + "/data", FolderAccess::kCreate));
  });
  EXPECT_EQ(told,
            TellOf(Fault::kIo, "cannot sync the folder " + folder.path() + ": Input/output error"));
}

}  // namespace
}  // namespace nunc
