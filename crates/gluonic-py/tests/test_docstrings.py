"""The examples in docstrings run. One that names what neither it nor its module defines, such as a
`net` of the reader's, is a sketch and is not run. A file `model.safetensors` is there."""

import ast
import builtins
import doctest
import importlib
import pkgutil

import numpy
import pytest

import gluonic
import gluonic.mxnet

# What an example may name without an import.
NAMES = ("autograd", "gluon", "init", "nd", "np", "npx", "name", "random")


class Checker(doctest.OutputChecker):
    """Lets an example that says nothing print what it likes."""

    def check_output(self, want, got, optionflags):
        return not want or super().check_output(want, got, optionflags)


def modules():
    """Every module of gluonic that can be imported without doing anything."""
    yield "gluonic"
    for module in pkgutil.walk_packages(gluonic.__path__, "gluonic."):
        if not module.name.endswith(("__main__", "._gluonic", "_pytest_plugin")):
            yield module.name


def is_sketch(test):
    """True if an example uses a name that nothing defines."""
    tree = ast.parse("".join(example.source for example in test.examples))
    used, defined = set(), {*test.globs, *dir(builtins)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else defined).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            defined |= {(name.asname or name.name).partition(".")[0] for name in node.names}
    return not used <= defined


@pytest.mark.parametrize("module", list(modules()))
def test_the_examples_of_a_module_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = gluonic.gluon.nn.Sequential()
    net.add(gluonic.gluon.nn.Dense(2, in_units=3))
    net.initialize()
    net.save_parameters("model.safetensors")
    # NumPy 2 says `np.float32(1.0)` where the examples, and NumPy 1, say `1.0`.
    before = numpy.get_printoptions()
    if int(numpy.__version__.partition(".")[0]) >= 2:
        numpy.set_printoptions(legacy="1.25")
    tested = importlib.import_module(module)
    names = {name: getattr(gluonic, name) for name in NAMES if hasattr(gluonic, name)}
    names |= {"gluonic": gluonic, "nn": gluonic.gluon.nn, "mx": gluonic.mxnet, **vars(tested)}
    try:
        assert failures(tested, names) == 0
    finally:
        numpy.set_printoptions(**before)


def failures(tested, names):
    """How many examples of a module do not print what they say."""
    runner = doctest.DocTestRunner(Checker(), optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(tested, globs=names):
        if test.examples and not is_sketch(test):
            runner.run(test)
    return runner.failures
