"""The command line of `gluonic.conform`."""

import argparse
import json
import sys
from pathlib import Path

from . import _names, _semantics

USAGE = """\
Runs the golden cases of a folder and says where gluonic differs from MXNet.

Prints a line for each case that differs, then `semantics N/M, departures D` and `names N/M`.
A departure is a deliberate difference that is listed in DEPARTURES.md and is checked like any
other value; it counts as right. Exit status: 0 if no case differs, 1 if one does, 2 for a wrong call.
"""


def main(args=None):
    """Runs the cases and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m gluonic.conform",
        description=USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="with semantics.json, names.json, or both")
    parser.add_argument("--verbose", action="store_true", help="list the departures too")
    options = parser.parse_args(args)
    semantics = options.folder / "semantics.json"
    names = options.folder / "names.json"
    if not semantics.is_file() and not names.is_file():
        parser.error(f"there is neither {semantics} nor {names}")
    import gluonic.mxnet as mx

    right = True
    for file, run in ((semantics, _semantics.run), (names, _names.run)):
        if not file.is_file():
            continue
        try:
            cases = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            parser.error(f"cannot read {file}: {error}")
        tally = run(cases, mx)
        _say(tally.lines(options.verbose))
        right &= not tally.failed
    return 0 if right else 1


def _say(lines):
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
