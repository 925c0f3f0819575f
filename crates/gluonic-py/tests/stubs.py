"""Writes `python/gluonic/_gluonic.pyi`, what type checkers and editors know of the extension module:
`python tests/stubs.py --write`. `test_stubs.py` compares.

Names, parameters and docstrings are the module's own; types go by the names of parameters and
functions.
"""

import inspect
import pathlib
import sys

from gluonic import _gluonic

FILE = pathlib.Path(__file__).parent.parent / "python" / "gluonic" / "_gluonic.pyi"

HEAD = '''\
# Written by tests/stubs.py.
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .context import Context

_Shape = int | Sequence[int]
_DType = str | type | np.dtype[Any]
'''

# What parameters are, by their names.
PARAMETERS = {
    "axis": "int | Sequence[int] | None",
    "copy": "bool | None",
    "ctx": "Context | Sequence[Context] | None",
    "digests": "bool",
    "dtype": "_DType | None",
    "file": "str | os.PathLike[str]",
    "force_reinit": "bool",
    "grad_req": "str",
    "keepdims": "bool",
    "map": "bool",
    "memory": "int | None",
    "mult": "float",
    "np": "bool",
    "path": "str",
    "path_or_name": "str",
    "pattern": "str",
    "prefix": "Any",
    "rename": "str | None",
    "req": "str",
    "retain_graph": "bool",
    "seed": "int",
    "selector": "str",
    "shape": "_Shape | Any",
    "train_mode": "bool",
    "unfold": "bool",
    "word": "str",
}

# What functions give, by their names.
RESULTS = {
    "__bool__": "bool",
    "__contains__": "bool",
    "__float__": "float",
    "__hash__": "int",
    "__index__": "int",
    "__int__": "int",
    "__iter__": "Iterator[Any]",
    "__len__": "int",
    "__repr__": "str",
    "__setitem__": "None",
    "__str__": "str",
    "asnumpy": "np.ndarray[Any, Any]",
    "asscalar": "np.generic",
    "backward": "None",
    "diff": "SnapshotDiff",
    "explain": "str",
    "freeze": "int",
    "is_recording": "bool",
    "is_training": "bool",
    "keys": "list[str]",
    "paths": "list[list[str]]",
    "pending": "list[str]",
    "plan_load": "LoadPlan",
    "restore": "None",
    "root": "str",
    "select": "Selection",
    "set_data": "None",
    "snapshot": "Snapshot",
    "tree": "str",
    "unfreeze": "int",
    "zero_grad": "None",
}

# What attributes are, by their names.
ATTRIBUTES = {
    "context": "Context",
    "ctx": "Context",
    "frozen": "bool",
    "kind": "str",
    "lr_mult": "float",
    "name": "str",
    "ndim": "int",
    "prefix": "str",
    "shape": "tuple[int, ...]",
    "size": "int",
    "wd_mult": "float",
}


def text():
    """The stub of the whole module."""
    parts = [HEAD]
    for name, value in sorted(vars(_gluonic).items()):
        if inspect.isclass(value):
            parts.append(_class(name, value))
        elif callable(value):
            parts.append(_function(name, value, ""))
        elif inspect.ismodule(value):
            parts.append(f"{name}: Any")
        elif name == "__version__":
            parts.append("__version__: str")
    return "\n".join(parts) + "\n"


def _class(name, cls):
    bases = [base.__name__ for base in cls.__bases__ if base is not object]
    head = f"class {name}({', '.join(bases)}):" if bases else f"class {name}:"
    body = _init(cls)
    for key, value in sorted(vars(cls).items()):
        if key in _PLAIN or (key.startswith("__") and not callable(value)):
            continue
        if callable(value) or isinstance(value, (classmethod, staticmethod)):
            body.append(_function(key, value, "    "))
        elif inspect.isgetsetdescriptor(value) or isinstance(value, property):
            body.append(f"    @property\n    def {key}(self) -> {ATTRIBUTES.get(key, 'Any')}: ...")
    return "\n".join([head, *(body or ["    ..."])])


def _init(cls):
    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):
        return []
    parameters = [_parameter(each, True) for each in signature.parameters.values()]
    stars = ["*"] if any(p.kind is p.KEYWORD_ONLY for p in signature.parameters.values()) else []
    first = [p for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    parameters = parameters[: len(first)] + stars + parameters[len(first) :]
    return [f"    def __init__({', '.join(['self', *parameters])}) -> None: ..."]


# What every class has, or what says nothing to a type checker.
_PLAIN = {"__module__", "__doc__", "__weakref__", "__dict__", "__eq__", "__hash__", "__new__"}


def _function(name, function, indent):
    if isinstance(function, (classmethod, staticmethod)):
        function = function.__func__
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        parameters = "self, *args: Any, **kwargs: Any" if indent else "*args: Any, **kwargs: Any"
        return f"{indent}def {name}({parameters}) -> {RESULTS.get(name, 'Any')}: ..."
    parts, positional, keyword = [], False, False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional = True
        elif positional:
            parts.append("/")
            positional = False
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword:
            parts.append("*")
            keyword = True
        keyword = keyword or parameter.kind is parameter.VAR_POSITIONAL
        parts.append(_parameter(parameter, bool(indent)))
    if positional:
        parts.append("/")
    return f"{indent}def {name}({', '.join(parts)}) -> {RESULTS.get(name, 'Any')}: ..."


def _parameter(parameter, method):
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    if method and parameter.name in ("self", "cls"):
        return parameter.name
    kind = "Any" if stars else PARAMETERS.get(parameter.name, "Any")
    default = "" if parameter.default is parameter.empty else " = ..."
    return f"{stars}{parameter.name}: {kind}{default}"


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: stubs.py --write")
    FILE.write_text(text(), encoding="utf-8")
