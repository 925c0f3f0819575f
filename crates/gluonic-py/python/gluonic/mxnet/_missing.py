"""The parts of MXNet that gluonic does not have. Their names can be imported and asked for; the
error comes when one is used, and says what to use instead."""

import types

_BLOCKS = "networks are blocks here: use gluon, and autograd.record() for gradients"
_SYMBOLS = "there are no symbols: give the block arrays instead"
_STORES = "one process trains here: leave kvstore out, or see the groups of gluonic's Trainer"
_DATA = "use gluon.data, or NumPy to read the data"

# A name of `mx` -> what to do without it.
MISSING = {
    "AttrScope": _SYMBOLS,
    "attribute": _SYMBOLS,
    "callback": "call what you need between two steps",
    "contrib": "see gluon.contrib for what there is",
    "engine": "operations run at once, in the order of the program",
    "executor": _SYMBOLS,
    "image": _DATA,
    "img": _DATA,
    "io": _DATA,
    "kv": _STORES,
    "kvstore": _STORES,
    "library": "write operations in Rust, with gluonic's own trait",
    "mod": _BLOCKS,
    "model": _BLOCKS,
    "module": _BLOCKS,
    "mon": "register_forward_hook shows what blocks give",
    "monitor": "register_forward_hook shows what blocks give",
    "onnx": "save parameters with save_parameters, or as safetensors",
    "operator": "write operations in Rust, with gluonic's own trait, or use autograd.Function",
    "profiler": "use Python's own profiler: operations run at once",
    "recordio": _DATA,
    "rnn": "use gluon.rnn",
    "rtc": "gluonic computes on the CPU only",
    "runtime": "there is one build with one set of features",
    "sym": _SYMBOLS,
    "symbol": _SYMBOLS,
    "visualization": "print(net), or net.summary(x)",
    "viz": "print(net), or net.summary(x)",
}

# Modules that are missing inside one that is there.
MISSING_BELOW = {
    "gluonic.gluon.model_zoo": "build the network from gluon.nn, and load its .params file",
    "gluonic.ndarray.sparse": "arrays are stored whole here: leave the storage type at 'default'",
    "gluonic.gluon.contrib.cnn": "see gluon.contrib.nn for what there is",
    "gluonic.gluon.contrib.data": "see gluon.data for what there is",
    "gluonic.gluon.contrib.estimator": "write the loop over batches: see the README",
    "gluonic.gluon.contrib.rnn": "see gluon.rnn for what there is",
}


class Missing(types.ModuleType):
    """A module, or a function, that is not there. Whatever one asks it for is missing too; the
    error comes with the first call."""

    def __init__(self, name, told):
        super().__init__(name, f"Not in gluonic: {told}.")
        self.__dict__["_told"] = told
        self.__path__ = []

    def __call__(self, *args, **kwargs):
        raise NotImplementedError(f"{self.__name__} is not in gluonic\n{self._told}")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        value = missing(f"{self.__name__}.{name}", self._told)
        self.__dict__[name] = value
        return value


def _class(full, told):
    """Old code asks `isinstance(x, mx.sym.Symbol)`: a class answers that truly."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(f"{full} is not in gluonic\n{told}")

    doc = f"Not in gluonic: making a `{full}` raises NotImplementedError."
    name = full.rpartition(".")[2]
    return type(name, (), {"__init__": __init__, "__module__": __name__, "__doc__": doc})


def missing_below(module, name):
    """The stand-in for a module that is missing inside one that is there."""
    place = f"{module}.{name}"
    return missing(place.replace("gluonic", "mx", 1), MISSING_BELOW[place])


def missing(name, told):
    """The stand-in for a module or a function, or for a class if its name begins like one."""
    is_class = name.rpartition(".")[2][:1].isupper()
    return _class(name, told) if is_class else Missing(name, told)
