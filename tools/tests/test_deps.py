"""deps.sh: what it installs, and when it leaves the machine alone. Its tools are stand-ins."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

DEPS = pathlib.Path(__file__).resolve().parent.parent / "deps.sh"


class DepsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = pathlib.Path(folder.name)
        self.tools = self.repository / "bin"
        self.calls = self.repository / "calls"
        for made in ["bin", "tools", "tests/e2e", "bench/cluster/node_modules"]:
            (self.repository / made).mkdir(parents=True)
        shutil.copy(DEPS, self.repository / "tools/deps.sh")
        (self.repository / "tests/e2e/package-lock.json").write_text("{}")
        (self.repository / "bench/cluster/package-lock.json").write_text("{}")
        (self.repository / "bench/cluster/node_modules/.package-lock.json").write_text("{}")
        for tool in ["sh", "dirname", "sed", "grep", "find"]:
            os.symlink(shutil.which(tool), self.tools / tool)
        self.stand_in("id", "echo 0")
        self.stand_in("dpkg-query", "echo installed")
        for tool in ["apt-get", "npm", "node"]:
            self.stand_in(tool, f'echo {tool} "$@" >>{self.calls}')

    def stand_in(self, tool, body):
        path = self.tools / tool
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def missing(self, *packages):
        """dpkg-query knows all packages but these."""
        pattern = "|".join(packages)
        self.stand_in("dpkg-query", f'case "$3" in {pattern}) exit 1 ;; esac; echo installed')

    def run_deps(self, what):
        done = subprocess.run(["sh", "tools/deps.sh", what], cwd=self.repository, check=False,
                              capture_output=True, text=True, env={"PATH": str(self.tools)})
        called = self.calls.read_text() if self.calls.exists() else ""
        return done, called

    def test_nothing_is_asked_of_the_network_when_everything_is_there(self):
        for what in ["build", "bench"]:
            with self.subTest(what=what):
                done, called = self.run_deps(what)
                self.assertEqual((done.returncode, called), (0, ""), done.stderr)

    def test_root_installs_what_is_missing_and_only_that(self):
        self.missing("ninja-build", "zlib1g-dev")
        done, called = self.run_deps("build")
        self.assertEqual(done.returncode, 0, done.stderr)
        install = called.splitlines()[-1]
        self.assertIn("install", install)
        self.assertTrue(install.endswith(" ninja-build zlib1g-dev"), install)

    def test_a_failed_installation_is_not_passed_over(self):
        self.missing("ninja-build")
        self.stand_in("apt-get", "exit 100")
        self.assertNotEqual(self.run_deps("build")[0].returncode, 0)

    def test_without_root_it_prints_one_command_and_fails(self):
        self.stand_in("id", "echo 1000")
        self.missing("ninja-build", "zlib1g-dev")
        done, called = self.run_deps("build")
        self.assertEqual((done.returncode, called), (1, ""))
        commands = [line for line in done.stderr.splitlines() if "sudo" in line]
        self.assertEqual(len(commands), 1)
        self.assertTrue(commands[0].endswith(" ninja-build zlib1g-dev"), commands[0])

    def test_without_root_it_goes_on_when_nothing_is_missing(self):
        self.stand_in("id", "echo 1000")
        self.assertEqual(self.run_deps("build")[0].returncode, 0)

    def test_without_root_redis_is_not_installed_in_a_way_that_starts_it(self):
        self.stand_in("id", "echo 1000")
        self.missing("redis-server")
        done, _ = self.run_deps("bench")
        self.assertIn("sudo tools/deps.sh bench", done.stderr)
        self.assertNotIn("apt-get", done.stderr)

    def test_building_needs_no_test_tools(self):
        self.missing("libgtest-dev", "clang-16", "chromium", "redis-server", "nodejs", "npm")
        done, called = self.run_deps("build")
        self.assertEqual((done.returncode, called), (0, ""), done.stderr)

    def test_a_node_and_npm_from_elsewhere_are_kept(self):
        self.missing("nodejs", "npm")
        _, called = self.run_deps("test")
        self.assertNotIn("apt-get", called)

    def test_another_variant_of_curl_is_kept(self):
        self.missing("libcurl4-openssl-dev", "libcurl4-nss-dev")
        self.assertEqual(self.run_deps("build")[1], "")

    def test_a_missing_node_comes_with_npm(self):
        self.missing("nodejs", "npm")
        (self.tools / "node").unlink()
        _, called = self.run_deps("test")
        self.assertIn(" nodejs npm\n", called)

    def test_npm_packages_are_installed_once_for_each_lock_file(self):
        done, called = self.run_deps("test")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(called.count("npm ci"), 1)
        noted = self.repository / "tests/e2e/node_modules/.package-lock.json"
        noted.parent.mkdir()
        noted.write_text("{}")
        self.assertEqual(self.run_deps("test")[1].count("npm ci"), 1)
        os.utime(noted, (1, 1))
        self.assertEqual(self.run_deps("test")[1].count("npm ci"), 2)

    def test_an_unknown_purpose_is_refused(self):
        done, _ = self.run_deps("everything")
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage", done.stderr)


if __name__ == "__main__":
    unittest.main()
