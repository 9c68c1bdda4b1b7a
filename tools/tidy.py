#!/usr/bin/env python3
"""Checks sizes and banned words in the repository's source files.

usage: tidy.py [REPOSITORY]

Exit status 1 and one line per violation.
"""

import pathlib
import re
import sys

LINE_MAX = 100
FUNCTION_MAX = 70
SOURCE_MAX = 600
HEADER_MAX = 200

FOLDERS = ["src", "tests", "bench", "tools", "cmake"]
SKIPPED = {"build", "node_modules", "corpus", "__pycache__", "results"}
CPP = {".h", ".cpp"}
SCRIPTS = {".py", ".sh", ".cmake", ".mjs", ".js", ".ts"}

# Time, randomness and threads reach these rooms as arguments, or a simulation cannot be repeated.
PURE_ROOMS = ["core", "language", "storage", "cluster", "node", "sim"]
PURE_BANNED = re.compile(
    r"system_clock|steady_clock|high_resolution_clock|random_device|\bs?rand(_r)?\b"
    r"|thread|mutex|sleep|getenv|std::uniform_"
)
CODE_BANNED = re.compile(r"\busing\s+namespace\b")
# A lint exception names its check, so that it cannot hide a second finding.
TEXT_BANNED = re.compile(
    r"\b(TODO|FIXME|XXX|HACK)\b|\bNOLINT(NEXTLINE|BEGIN|END)?\b(?!\()"
    r"|\bGTEST_SKIP\b|\bDISABLED_\w|\b(test|it|describe)\.(skip|only|todo)\b"
)
# These two talk about the words themselves.
SPEAKS_OF_BANNED = {"tools/tidy.py", "tools/tests/test_tidy.py"}

LITERALS = re.compile(
    r'//[^\n]*|/\*.*?\*/'
    r'|R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"'
    # Not the separator of 1'000.
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.DOTALL,
)
NOT_A_FUNCTION = re.compile(
    r"^\s*(template\s*<[^;{}()]*>\s*)?(namespace|class|struct|union|enum|extern)\b"
)


def blank_literals(text):
    """`text` with comments and literals emptied; line breaks stay where they are."""
    def blank(match):
        found = match.group(0)
        quotes = '""' if found.startswith(('"', "R")) else ""
        return quotes + "\n" * found.count("\n")
    return LITERALS.sub(blank, text)


def functions(code):
    """Yields (first line, number of lines) of each outermost function body in blanked `code`."""
    depth_of_function = None
    depth = 0
    start_line = line = 1
    head = ""
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            depth += 1
            if depth_of_function is None and ")" in head and not NOT_A_FUNCTION.match(head):
                depth_of_function = depth
                start_line = line
        elif char == "}":
            if depth == depth_of_function:
                yield start_line, line - start_line + 1
                depth_of_function = None
            depth -= 1
        head = "" if char in ";{}" else head + char


def without_preprocessor(code):
    """`code` with preprocessor lines emptied, together with their continuation lines."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda match: "\n" * match.group(0).count("\n"), code, flags=re.MULTILINE)


def check_cpp(relative, text):
    """Yields (line number, complaint) about a C++ file."""
    code = without_preprocessor(blank_literals(text))
    lines = text.count("\n")
    allowed = HEADER_MAX if relative.suffix == ".h" else SOURCE_MAX
    if lines > allowed:
        yield lines, f"the file has {lines} lines, more than {allowed}"
    for start, length in functions(code):
        if length > FUNCTION_MAX:
            yield start, f"the function has {length} lines, more than {FUNCTION_MAX}"
    parts = relative.parts
    is_test = relative.stem.endswith(("_test", "_fixture"))
    is_pure = parts[0] == "src" and parts[1] in PURE_ROOMS and not is_test
    for number, line in enumerate(code.splitlines(), 1):
        banned = CODE_BANNED.search(line) or (PURE_BANNED.search(line) if is_pure else None)
        if banned:
            yield number, f"'{banned.group(0)}' is not used here"


def check_text(relative, text):
    """Yields (line number, complaint) that hold for every language."""
    lines = text.splitlines()
    if relative.suffix in SCRIPTS and len(lines) > SOURCE_MAX:
        yield len(lines), f"the file has {len(lines)} lines, more than {SOURCE_MAX}"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_MAX:
            yield number, f"the line has {len(line)} characters, more than {LINE_MAX}"
        banned = TEXT_BANNED.search(line)
        if banned and relative.as_posix() not in SPEAKS_OF_BANNED:
            yield number, f"'{banned.group(0)}' does not stay in the repository"


def source_files(repository):
    """The files to check, in a stable order."""
    for folder in FOLDERS:
        for path in sorted((repository / folder).rglob("*")):
            relative = path.relative_to(repository)
            known = path.suffix in CPP | SCRIPTS or path.name == "CMakeLists.txt"
            if known and path.is_file() and not SKIPPED.intersection(relative.parts):
                yield path, relative


def check(repository):
    """Returns the list of complaints about the repository."""
    repository = pathlib.Path(repository)
    complaints = []
    seen = 0
    for path, relative in source_files(repository):
        seen += 1
        text = path.read_text(encoding="utf-8")
        found = list(check_text(relative, text))
        if relative.suffix in CPP:
            found += check_cpp(relative, text)
        complaints += [f"{relative}:{number}: {complaint}" for number, complaint in found]
    if not seen:
        complaints.append(f"{repository}: no source files found")
    return complaints


def main():
    default = pathlib.Path(__file__).resolve().parent.parent
    complaints = check(sys.argv[1] if len(sys.argv) > 1 else default)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
