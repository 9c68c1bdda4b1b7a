#include "posix/child_fixture.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include <gtest/gtest.h>

#include "posix/folder.h"

namespace nunc {

TempFolder::TempFolder() : path_(::testing::TempDir() + "nunc-posix-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) {
    ADD_FAILURE() << "mkdtemp " << path_;
  }
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string InChild(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = body();
    const bool told = write(writer.fd(), text.data(), text.size()) >= 0;
    _exit(told ? 0 : 1);
  }
  writer = Descriptor();
  std::string text;
  std::array<char, 4096> piece{};
  ssize_t got = 0;
  while ((got = Uninterrupted([&] { return read(reader.fd(), piece.data(), piece.size()); })) > 0) {
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  int status = -1;
  Uninterrupted([&] { return waitpid(child, &status, 0); });
  return status == 0 ? text : "died";
}

bool BecomeNobody() {
  return geteuid() != 0 ||
         (setgroups(0, nullptr) == 0 && setgid(kNobody) == 0 && setuid(kNobody) == 0);
}

bool MountSmallDisk(const std::string& folder, std::size_t bytes) {
  // Who is not root may still mount in a user namespace of its own.
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return false;
  }
  const std::string options = "size=" + std::to_string(bytes);
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", folder.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

bool RefuseSystemCall(int number, int code) {
  std::array<sock_filter, 4> program = {
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(code)),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{.len = program.size(), .filter = program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace nunc
