"""Which names of MXNet's array modules are supported, and what is said about the others."""

import importlib

from ._mxnet_names import NAMES

__all__ = ["NotSupportedError", "attribute", "supported", "table"]

#: What MXNet calls a namespace, and where it is here.
_NAMESPACES = {
    "nd": "ndarray",
    "nd.contrib": "ndarray.contrib",
    "nd.linalg": "ndarray.linalg",
    "nd.random": "ndarray.random",
    "np": "numpy",
    "np.linalg": "numpy.linalg",
    "np.random": "numpy.random",
    "npx": "numpy_extension",
}


class NotSupportedError(AttributeError, NotImplementedError):
    """A name that MXNet has and gluonic has not."""


def _module(namespace):
    return importlib.import_module(f"gluonic.{_NAMESPACES[namespace]}")


def _nearest(name, names):
    import difflib

    found = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.6)
    lower = {one.lower(): one for one in names}
    return lower.get(name.lower().replace("_", ""), found[0] if found else None)


def attribute(namespace, module, name):
    """Raises the error for a name that a module does not have."""
    text = f"module {module!r} has no attribute {name!r}"
    if name.startswith("__"):
        raise AttributeError(text)
    known = _module("nd" if namespace == "nd.op" else namespace).__all__
    nearest = _nearest(name, known)
    hint = f"; the nearest that is: {nearest}" if nearest else ""
    listed = NAMES.get("nd" if namespace == "nd.op" else namespace, "").split()
    if name in listed:
        raise NotSupportedError(
            f"{namespace}.{name} of MXNet is not supported{hint}\n"
            "gluonic.supported() lists what is"
        )
    raise AttributeError(f"{text}\ndid you mean {nearest!r}?" if nearest else text)


def _public(owner):
    return sorted(name for name in vars(owner) if not name.startswith("_"))


def supported():
    """The supported names of each of MXNet's array namespaces, and the methods of its two classes of
    arrays.

    >>> "FullyConnected" in supported()["nd"]
    True
    """
    from ._gluonic import NDArray
    from .numpy import ndarray

    names = {namespace: sorted(set(_module(namespace).__all__)) for namespace in _NAMESPACES}
    names["NDArray"] = _public(NDArray)
    names["ndarray"] = sorted(set(_public(NDArray)) | set(_public(ndarray)))
    return names


def table():
    """The names of `supported` as a text in Markdown, with those of MXNet that are missing."""
    lines = [
        "# Supported names of MXNet's array modules",
        "",
        "Written by `tests/operators.py`; a test compares it with the package. Missing are",
        "those of MXNet 1.9.1 that raise an error which names the nearest of the others.",
    ]
    for namespace, names in supported().items():
        listed = NAMES.get(namespace, "").split()
        missing = sorted(set(listed) - set(names))
        kind = "Methods of" if namespace.lower() == "ndarray" else "Functions of"
        more = sorted(set(names) - set(listed))
        lines += ["", f"## {kind} `{namespace}`", "", f"Supported, {len(names)}:"]
        lines += _wrapped(names)
        if more:
            lines += ["", f"Of these MXNet does not have {len(more)}:"]
            lines += _wrapped(more)
        if missing:
            lines += ["", f"Missing, {len(missing)}:"]
            lines += _wrapped(missing)
    return "\n".join(lines) + "\n"


def _wrapped(names):
    lines, line = [], ""
    for name in names:
        word = f"`{name}`"
        if line and len(line) + len(word) + 1 > 98:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines
