"""check_layers.py finds each kind of violation, and nothing where the rules are kept."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import check_layers  # noqa: E402


class CheckLayersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.repository / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def complaints(self):
        return check_layers.check(self.repository)

    def assert_one_complaint(self, part):
        found = self.complaints()
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def test_what_the_table_allows_passes(self):
        self.write("core/a.h", '#include <vector>\n#include "base/limits.h"\n#include "core/b.h"\n')
        self.write("net/http.cpp", "#include <sys/epoll.h>\n#include <boost/beast/http.hpp>\n")
        self.write("cli/main.cpp", '#include "server/server.h"\n#include "sim/world.h"\n')
        self.assertEqual(self.complaints(), [])

    def test_an_upward_include_is_found(self):
        self.write("core/a.cpp", '#include <vector>\n#include "node/node.h"\n')
        self.assert_one_complaint("a.cpp:2: \"node/node.h\": core may not include node")

    def test_a_sideways_include_is_found(self):
        self.write("cluster/a.cpp", '#include "core/database.h"\n')
        self.assert_one_complaint("cluster may not include core")

    def test_an_include_without_room_is_found(self):
        self.write("core/a.cpp", '#include "a.h"\n')
        self.assert_one_complaint('as "core/a.h"')

    def test_an_include_of_an_unknown_room_is_found(self):
        self.write("core/a.cpp", '#include "common/a.h"\n')
        self.assert_one_complaint("there is no room common")

    def test_a_folder_that_is_no_room_is_found(self):
        self.write("common/a.h", "\n")
        self.assert_one_complaint("common is not a room")

    def test_a_library_in_the_wrong_room_is_found(self):
        self.write("core/a.cpp", "#include <nlohmann/json.hpp>\n")
        self.assert_one_complaint("<nlohmann/json.hpp>: core may not include this library")

    def test_a_library_nobody_decided_on_is_found(self):
        self.write("net/a.cpp", "#  include <uv.h>\n")
        self.assert_one_complaint("<uv.h>")

    def test_a_second_user_of_a_library_in_one_room_is_found(self):
        self.write("net/a.cpp", "#include <boost/beast/http.hpp>\n")
        self.write("net/b.cpp", "#include <boost/asio/buffer.hpp>\n")
        self.assert_one_complaint("boost/ is included by a.cpp, b.cpp")

    def test_the_world_in_a_pure_room_is_found(self):
        for header in ["thread", "mutex", "unistd.h", "sys/socket.h", "random", "fstream"]:
            with self.subTest(header=header):
                self.write("node/a.cpp", f"#include <{header}>\n")
                self.assert_one_complaint("does not reach the outside world")

    def test_tests_may_use_the_test_libraries(self):
        self.write("core/a_test.cpp", "#include <gtest/gtest.h>\n#include <nlohmann/json.hpp>\n")
        self.write("core/b_fixture.h", "#include <gtest/gtest.h>\n")
        self.assertEqual(self.complaints(), [])

    def test_other_files_may_not_use_the_test_libraries(self):
        self.write("core/a.cpp", "#include <gtest/gtest.h>\n")
        self.assert_one_complaint("<gtest/gtest.h>")

    def test_tests_keep_to_the_layers(self):
        self.write("core/a_test.cpp", '#include "net/http.h"\n')
        self.assert_one_complaint("core may not include net")

    def test_a_computed_include_is_found(self):
        self.write("core/a.cpp", "#include NUNC_HEADER\n")
        self.assert_one_complaint("must name its header")

    def test_an_empty_repository_is_a_mistake(self):
        self.assert_one_complaint("no source files found")

    def test_the_table_has_no_cycle(self):
        settled = set()
        while len(settled) < len(check_layers.ROOMS):
            ready = {room for room, uses in check_layers.ROOMS.items() if settled.issuperset(uses)}
            self.assertTrue(ready - settled, "the rooms include each other in a circle")
            settled |= ready


if __name__ == "__main__":
    unittest.main()
