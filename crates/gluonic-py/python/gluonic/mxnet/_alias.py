"""Modules under a second name: what `import mxnet.gluon.nn` gives is the module `gluonic.gluon.nn`
itself, so that a class is one class whichever way it was imported."""

import difflib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types

from ._missing import MISSING_BELOW, Missing, missing_below

_OURS = "gluonic.mxnet"


class _Loader(importlib.abc.Loader):
    """Gives a module that exists already."""

    def __init__(self, module):
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec):
        return self._module

    def exec_module(self, module):
        # The import system has written the second name into the module: the first is right.
        module.__spec__ = self._spec
        if self._spec is not None:
            module.__loader__ = self._spec.loader


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of one name, and all below it, in gluonic."""

    def __init__(self, root):
        self.root = root

    def find_spec(self, fullname, path=None, target=None):
        """The module of gluonic that is meant; another finder is asked about other names."""
        if fullname == self.root:
            # `gluonic.mxnet` itself is found by Python's own finders.
            module = None if self.root == _OURS else sys.modules[_OURS]
        elif fullname.startswith(self.root + "."):
            module = _child(*fullname.rpartition(".")[::2])
            if module is None and not _own_file(fullname):
                # Python's own finders would load the file a second time, with second classes.
                raise ModuleNotFoundError(_unknown(fullname), name=fullname)
        else:
            module = None
        if module is None:
            return None
        is_package = hasattr(module, "__path__")
        loader = _Loader(module)
        return importlib.machinery.ModuleSpec(fullname, loader, is_package=is_package)


def _own_file(fullname):
    """True for the files of `gluonic.mxnet`, such as `__main__`."""
    parent, _, name = fullname.rpartition(".")
    return parent == _OURS and name.startswith("_")


def _child(parent, name):
    """The module `name` below a module; None if there is none."""
    if name.startswith("_") and sys.modules[parent].__name__ == _OURS:
        return None
    module = sys.modules[parent]
    try:
        child = getattr(module, name)
    except AttributeError:
        child = None
    if isinstance(child, types.ModuleType):
        return child
    if isinstance(module, Missing):
        return None
    place = f"{module.__name__}.{name}"
    if place in MISSING_BELOW:
        return missing_below(module.__name__, name)
    if module.__name__ == _OURS:
        return None
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name != place:
            raise
        return None


def _unknown(fullname):
    parent, _, name = fullname.rpartition(".")
    there = [word for word in dir(sys.modules[parent]) if not word.startswith("_")]
    near = difflib.get_close_matches(name, there, n=3)
    hint = f"\ndid you mean {', '.join(near)}?" if near else ""
    return f"No module named '{fullname}' in gluonic's place of MXNet{hint}"


def below(root):
    """Lets the modules below a name be imported, whether `install` is called or not."""
    sys.meta_path.insert(0, _Finder(root))


_finder = _Finder("mxnet")
_hidden = {}


def install(force):
    """Makes `import mxnet` find `gluonic.mxnet`."""
    if _finder in sys.meta_path:
        return
    real = _real()
    if real is not None and not force:
        raise ImportError(
            f"a real mxnet is installed, `import mxnet` finds it and not gluonic: {real}\n"
            "take it away (pip uninstall mxnet), or hide it with gluonic.mxnet.install(force=True)",
            name="mxnet",
        )
    _hidden.update(_imported())
    for name in _hidden:
        del sys.modules[name]
    sys.meta_path.insert(0, _finder)


def uninstall():
    """Undoes `install`."""
    if _finder not in sys.meta_path:
        return
    sys.meta_path.remove(_finder)
    for name in _imported():
        del sys.modules[name]
    sys.modules.update(_hidden)
    _hidden.clear()


def _imported():
    """The modules that are known as mxnet now."""
    return {
        name: module
        for name, module in sys.modules.items()
        if name == "mxnet" or name.startswith("mxnet.")
    }


def _real():
    """The file of an mxnet that is not ours; None if there is none. A folder of that name without
    an `__init__.py` is none."""
    module = sys.modules.get("mxnet")
    if module is not None:
        return getattr(module, "__file__", None) or repr(module)
    try:
        spec = importlib.util.find_spec("mxnet")
    except (ImportError, ValueError):
        return None
    return None if spec is None else spec.origin
