"""The same modules under MXNet's names, and `import mxnet` finding them.

>>> import gluonic.mxnet as mx
>>> mx.gluon is gluonic.gluon
True

Old code need not be edited at all: `python -m gluonic.mxnet script.py` runs it, and after
`gluonic.mxnet.install()` every `import mxnet` finds this module, with everything below it.
"""

import importlib

from . import _alias
from ._missing import MISSING, missing

__all__ = ["install", "uninstall"]

# Scripts compare versions to tell what they may use; what is here is what this one had.
__version__ = "1.9.1"

# The modules of MXNet that are here, and those of them that have another name in gluonic.
_MODULES = (
    "autograd",
    "base",
    "context",
    "gluon",
    "init",
    "initializer",
    "lr_scheduler",
    "metric",
    "name",
    "ndarray",
    "numpy",
    "numpy_extension",
    "optimizer",
    "random",
    "test_utils",
    "util",
)
_PLACES = {"nd": "ndarray", "np": "numpy", "npx": "numpy_extension", "rnd": "random"}

# Functions and classes of the top level, by the module that has them.
_NAMES = {
    "Context": "context",
    "MXNetError": "base",
    "cpu": "context",
    "cpu_pinned": "context",
    "current_context": "context",
    "gpu": "context",
    "is_np_array": "util",
    "is_np_shape": "util",
    "np_array": "util",
    "np_shape": "util",
    "set_np_shape": "util",
    "use_np": "util",
    "use_np_array": "util",
    "use_np_shape": "util",
}


def install(force=False):
    """Makes `import mxnet` find this module. A second call changes nothing.

    Where a real mxnet is installed an ImportError says so, unless `force` is set: then the real one
    is hidden until `uninstall()`.
    """
    _alias.install(force)


def uninstall():
    """Undoes `install`: `import mxnet` finds again what it found before."""
    _alias.uninstall()


def __getattr__(name):
    if name in _NAMES:
        value = getattr(importlib.import_module(f"gluonic.{_NAMES[name]}"), name)
    elif name in MISSING:
        value = missing(f"mx.{name}", MISSING[name])
    elif name in _MODULES or name in _PLACES:
        value = importlib.import_module(f"gluonic.{_PLACES.get(name, name)}")
    else:
        raise AttributeError(f"module 'mxnet' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*__all__, "__version__", *_NAMES, *_MODULES, *_PLACES, *MISSING})


_alias.below(__name__)
