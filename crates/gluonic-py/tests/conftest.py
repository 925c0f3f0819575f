"""What every test starts with: counters of names at 0, `mx.nd`'s dialect, nothing recorded."""

import pytest

from gluonic import autograd, name, util


@pytest.fixture(autouse=True)
def _fresh():
    with name.NameManager():
        yield
    util.reset_np()
    autograd.set_recording(False)
    autograd.set_training(False)
