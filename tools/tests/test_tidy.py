"""tidy.py finds each kind of violation, and nothing where the rules are kept."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tidy  # noqa: E402


def function_of(lines, head="int Sum(int a)"):
    """A function whose body, both braces' lines counted, has `lines` lines."""
    return head + " {\n" + "  Add();\n" * (lines - 2) + "}\n"


class TidyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = pathlib.Path(folder.name)
        self.write("src/base/keep.h", "#pragma once\n")

    def write(self, name, text):
        path = self.repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def assert_clean(self):
        self.assertEqual(tidy.check(self.repository), [])

    def assert_one_complaint(self, part):
        found = tidy.check(self.repository)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def test_a_line_at_the_limit_passes_and_one_above_is_found(self):
        self.write("src/net/a.cpp", "//" + "x" * 98 + "\n")
        self.assert_clean()
        self.write("src/net/a.cpp", "\n//" + "x" * 99 + "\n")
        self.assert_one_complaint("src/net/a.cpp:2: the line has 101 characters")

    def test_lines_of_scripts_and_build_files_are_measured_too(self):
        for name in ["tools/a.sh", "tests/e2e/a.mjs", "src/net/CMakeLists.txt"]:
            with self.subTest(name=name):
                self.write(name, "#" * 101 + "\n")
                self.assert_one_complaint("the line has 101 characters")
                self.write(name, "\n")

    def test_a_function_at_the_limit_passes_and_one_above_is_found(self):
        self.write("src/net/a.cpp", function_of(70))
        self.assert_clean()
        self.write("src/net/a.cpp", function_of(71))
        self.assert_one_complaint("src/net/a.cpp:1: the function has 71 lines")

    def test_a_long_method_inside_a_class_is_found(self):
        self.write("src/net/a.cpp", "namespace nunc {\nclass A {\n" + function_of(71) + "};\n}\n")
        self.assert_one_complaint("src/net/a.cpp:3: the function has 71 lines")

    def test_a_long_test_case_is_found(self):
        self.write("src/net/a_test.cpp", function_of(71, "TEST(Sum, IsRight)"))
        self.assert_one_complaint("the function has 71 lines")

    def test_a_long_class_or_namespace_is_not_a_function(self):
        self.write("src/net/a.cpp", "namespace nunc {\n" + "void F();\n" * 100 + "}\n")
        self.assert_clean()
        self.write("src/net/a.cpp", "struct A {\n" + "  void F();\n" * 100 + "};\n")
        self.assert_clean()

    def test_braces_in_literals_and_comments_do_not_count(self):
        body = "int F() {\n  // {\n  /* { */ G('{', \"{\\\"{\", R\"x({)x\", 1'000);\n}\n"
        self.write("src/net/a.cpp", body + "void H();\n" * 100)
        self.assert_clean()

    def test_a_file_at_the_limit_passes_and_one_above_is_found(self):
        self.write("src/net/a.cpp", "\n" * 600)
        self.write("src/net/a.h", "\n" * 200)
        self.assert_clean()
        self.write("src/net/a.cpp", "\n" * 601)
        self.assert_one_complaint("the file has 601 lines, more than 600")
        self.write("src/net/a.cpp", "\n")
        self.write("src/net/a.h", "\n" * 201)
        self.assert_one_complaint("the file has 201 lines, more than 200")
        self.write("src/net/a.h", "\n")
        self.write("tests/e2e/a.mjs", "\n" * 601)
        self.assert_one_complaint("the file has 601 lines")

    def test_time_chance_and_threads_in_a_pure_room_are_found(self):
        for code in ["std::chrono::system_clock::now();", "steady_clock::now();", "rand();",
                     "std::random_device device;", "std::thread worker;", "std::mutex mutex_;",
                     "std::this_thread::yield();", "sleep(1);", "getenv(name);",
                     "std::uniform_int_distribution<int> d;"]:
            with self.subTest(code=code):
                self.write("src/node/a.cpp", code + "\n")
                self.assert_one_complaint("src/node/a.cpp:1:")

    def test_these_words_are_free_elsewhere_and_in_comments_strings_and_tests(self):
        self.write("src/posix/a.cpp", "std::thread worker;\n")
        self.write("src/node/a.cpp", '// no mutex here\nSay("sleep");\nint operand = 1;\n')
        self.write("src/node/a_test.cpp", "std::mutex mutex;\n")
        self.assert_clean()

    def test_using_namespace_is_found_everywhere(self):
        for name in ["src/cli/a.cpp", "src/cli/a_test.cpp", "tests/fuzz/a_fuzz.cpp"]:
            with self.subTest(name=name):
                self.write(name, "using  namespace std;\n")
                self.assert_one_complaint(name)
                self.write(name, "\n")

    def test_unfinished_work_and_skipped_tests_are_found(self):
        for text in ["// TODO later", "// FIXME", "TEST(A, DISABLED_Slow) {}", "GTEST_SKIP();",
                     "test.skip('x', () => {});", "f();  // NOLINT", "// NOLINTNEXTLINE"]:
            with self.subTest(text=text):
                self.write("src/net/a_test.cpp", text + "\n")
                self.assert_one_complaint("does not stay in the repository")

    def test_a_lint_exception_that_names_its_check_passes(self):
        self.write("src/net/a.cpp", "// NOLINTNEXTLINE(bugprone-x): the API wants it\nf();\n")
        self.assert_clean()

    def test_kept_corpora_and_installed_packages_are_not_ours(self):
        self.write("tests/fuzz/corpus/a/x.h", "#" * 101 + "\n")
        self.write("tests/e2e/node_modules/x.js", "#" * 101 + "\n")
        self.assert_clean()

    def test_an_empty_repository_is_a_mistake(self):
        (self.repository / "src/base/keep.h").unlink()
        self.assert_one_complaint("no source files found")


if __name__ == "__main__":
    unittest.main()
