"""Writes `OPERATORS.md`, the names of MXNet's array modules that are supported and those that are
not: `python tests/operators.py --write`. `test_ops.py` compares.
"""

import pathlib
import sys

from gluonic import _supported

FILE = pathlib.Path(__file__).parent.parent / "OPERATORS.md"

if __name__ == "__main__" and "--write" in sys.argv:
    FILE.write_text(_supported.table(), encoding="utf-8")
