"""check_headers.py passes headers that stand alone and finds one that does not."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).resolve().parent.parent / "check_headers.py"


class CheckHeadersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = pathlib.Path(folder.name)
        (self.repository / "src/core").mkdir(parents=True)
        (self.repository / "build").mkdir()
        command = "/usr/bin/ccache /usr/bin/c++ -std=c++20 -o a.o -c a.cpp"
        (self.repository / "build/compile_commands.json").write_text(
            json.dumps([{"command": command, "file": "a.cpp", "directory": "."}]))

    def write(self, name, text):
        (self.repository / "src" / name).write_text(text, encoding="utf-8")

    def run_check(self):
        return subprocess.run([sys.executable, CHECK, self.repository / "build", self.repository],
                              capture_output=True, text=True, check=False)

    def test_headers_that_stand_alone_pass(self):
        self.write("core/a.h", "#pragma once\n#include <string>\nstd::string A();\n")
        self.write("core/b.h", '#pragma once\n#include "core/a.h"\n')
        done = self.run_check()
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_a_header_that_forgets_an_include_is_found(self):
        self.write("core/a.h", "#pragma once\nstd::string A();\n")
        done = self.run_check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("core/a.h does not compile alone", done.stdout)

    def test_a_header_without_a_guard_is_found(self):
        self.write("core/a.h", "struct A {};\n")
        done = self.run_check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("no #pragma once", done.stdout)

    def test_a_header_that_its_source_includes_first_is_left_to_the_build(self):
        self.write("core/a.h", "#pragma once\nstd::string A();\n")
        self.write("core/a.cpp", '#include "core/a.h"\n')
        self.assertEqual(self.run_check().returncode, 0)
        self.write("core/a.cpp", '#include <string>\n#include "core/a.h"\n')
        self.assertEqual(self.run_check().returncode, 1)

    def test_a_repository_without_headers_is_a_mistake(self):
        self.assertEqual(self.run_check().returncode, 1)


if __name__ == "__main__":
    unittest.main()
