"""What type checkers are told is what there is."""

import ast
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import stubs  # noqa: E402


@pytest.mark.skipif(not stubs.FILE.exists(), reason="the sources are not here")
@pytest.mark.skipif(sys.version_info < (3, 10), reason="signatures read otherwise before")
def test_the_stub_has_every_name_of_the_extension_module():
    assert stubs.FILE.read_text(encoding="utf-8") == stubs.text(), (
        "write it again: python crates/gluonic-py/tests/stubs.py --write"
    )


def test_the_stub_is_python():
    ast.parse(stubs.text())
