"""The examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import gluonic
import gluonic.mxnet

# What an example may name without an import.
NAMES = ("autograd", "gluon", "init", "nd", "np", "npx", "name")


def modules():
    """Every module of gluonic that can be imported without doing anything."""
    yield "gluonic"
    for module in pkgutil.walk_packages(gluonic.__path__, "gluonic."):
        if not module.name.endswith(("__main__", "._gluonic", "_pytest_plugin")):
            yield module.name


@pytest.mark.parametrize("module", list(modules()))
def test_the_examples_of_a_module_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {name: getattr(gluonic, name) for name in NAMES if hasattr(gluonic, name)}
    names |= {"gluonic": gluonic, "nn": gluonic.gluon.nn, "mx": gluonic.mxnet}
    tested = importlib.import_module(module)
    space = {**names, **vars(tested)}
    failed, _ = doctest.testmod(tested, globs=space, optionflags=doctest.ELLIPSIS)
    assert failed == 0
