"""The chapters: programs in the style of MXNet's books, run unchanged.

What each is to print stands beside it (`.stdout`): it is what MXNet 1.9.1 printed. Where
GLUONIC_MXNET_PYTHON names an interpreter that has MXNet 1.9.1, that is checked too, and
GLUONIC_MXNET_RECORD=1 writes the files anew.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "chapters"
CHAPTERS = sorted(path.stem for path in FOLDER.glob("*_n[dp].py"))

# (chapter, line of MXNet) -> line of gluonic: departures that DEPARTURES.md lists.
DEPARTURES = {}

# Chapters that do not yet print what they are to: one that does is to be taken out.
NOT_YET = {
    "blocks_nd": "a Constant prints its element type as 'float32', not as NumPy's class",
    "initialization_nd": "a layer refuses an unknown initializer when it is built, not later",
}


def printed(command, chapter, folder):
    """The lines that a chapter prints in an empty folder, without spaces at their ends."""
    command = [*command, str(FOLDER / f"{chapter}.py")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [line.rstrip() for line in done.stdout.splitlines()]


def expected(chapter):
    """What MXNet printed."""
    return (FOLDER / f"{chapter}.stdout").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_prints_what_it_prints_on_mxnet(chapter, tmp_path):
    if chapter in NOT_YET:
        with pytest.raises(AssertionError):
            check(chapter, tmp_path)
        pytest.xfail(NOT_YET[chapter])
    check(chapter, tmp_path)


def check(chapter, folder):
    """Raises AssertionError unless a chapter prints on gluonic what it is to."""
    found = printed([sys.executable, "-m", "gluonic.mxnet"], chapter, folder)
    # A class says which package it is from.
    found = [line.replace("<class 'gluonic.", "<class 'mxnet.") for line in found]
    assert found == [DEPARTURES.get((chapter, line), line) for line in expected(chapter)]


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.skipif("GLUONIC_MXNET_PYTHON" not in os.environ, reason="needs an MXNet 1.9.1")
def test_mxnet_prints_what_is_written_beside_a_chapter(chapter, tmp_path):
    found = printed([os.environ["GLUONIC_MXNET_PYTHON"]], chapter, tmp_path)
    if os.environ.get("GLUONIC_MXNET_RECORD") == "1":
        text = "".join(f"{line}\n" for line in found)
        (FOLDER / f"{chapter}.stdout").write_text(text, encoding="utf-8")
    assert found == expected(chapter)


def test_every_chapter_has_both_files():
    assert {path.stem for path in FOLDER.glob("*.stdout")} == set(CHAPTERS)


def test_every_departure_is_of_a_line_that_a_chapter_prints():
    assert all(line in expected(chapter) for chapter, line in DEPARTURES)
