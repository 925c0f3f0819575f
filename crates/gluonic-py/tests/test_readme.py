"""The examples of the READMEs run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent


def examples():
    """Every block of Python in the package's README and the repository's."""
    for file in (PACKAGE / "README.md", PACKAGE.parent.parent / "README.md"):
        blocks = re.findall(r"```python\n(.*?)```", file.read_text(encoding="utf-8"), re.DOTALL)
        for number, block in enumerate(blocks):
            yield pytest.param(block, id=f"{file.parent.name}-{number}")


@pytest.mark.parametrize("code", list(examples()))
def test_an_example_runs(code, tmp_path):
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_both_readmes_have_examples():
    assert len(list(examples())) >= 3
