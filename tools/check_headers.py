#!/usr/bin/env python3
"""Compiles headers of src/ alone, so that none leans on what another file included first.

Those that their own source includes first have been compiled alone by the build.

usage: check_headers.py BUILD_FOLDER [REPOSITORY] [--jobs N]

The compiler and its flags are those of the build's compile_commands.json. Exit status 1 and the
compiler's words when a header does not stand alone.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys


def compiler_command(build):
    """The compiler and flags of the build's first source file, without its input and output."""
    database = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    words = shlex.split(database[0]["command"])
    if pathlib.Path(words[0]).name == "ccache":
        words = words[1:]
    command = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("-o", "-c"):
            skip = True
        else:
            command.append(word)
    return command


def compile_alone(command, source, header):
    """Returns the compiler's complaints, empty when the header stands alone."""
    name = header.relative_to(source).as_posix()
    done = subprocess.run(
        [*command, "-fsyntax-only", "-I", str(source), "-x", "c++", "-"],
        input=f'#include "{name}"\n#include "{name}"\n',
        capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{name} does not compile alone:\n{done.stderr}"


def is_first_of_its_source(source, header):
    """Whether HEADER.cpp begins with it."""
    own = header.with_suffix(".cpp")
    if not own.exists():
        return False
    first = re.search(r"^#include.*$", own.read_text(encoding="utf-8"), re.MULTILINE)
    name = header.relative_to(source).as_posix()
    return first is not None and first.group(0) == f'#include "{name}"'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("repository", type=pathlib.Path, nargs="?",
                        default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    source = arguments.repository / "src"
    headers = sorted(source.rglob("*.h"))
    if not headers:
        print(f"{source}: no headers found")
        return 1
    complaints = [f"{header}: no #pragma once" for header in headers
                  if "#pragma once" not in header.read_text(encoding="utf-8")]
    left = [header for header in headers if not is_first_of_its_source(source, header)]
    command = compiler_command(arguments.build)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        complaints += pool.map(lambda header: compile_alone(command, source, header), left)
    for complaint in filter(None, complaints):
        print(complaint)
    return 1 if any(complaints) else 0


if __name__ == "__main__":
    sys.exit(main())
