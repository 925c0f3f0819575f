"""Runs expressions that were measured on real MXNet 1.9.1, and compares."""

import json
import pathlib

import numpy as onp

import gluonic as mx
from gluonic import autograd, nd, np, npx

FOLDER = pathlib.Path(__file__).parent / "measured"


def cases(name):
    """The expressions and results of a file."""
    return [tuple(case) for case in json.loads((FOLDER / f"{name}.json").read_text())]


def gradients(function, *arrays):
    """The gradients of a function with respect to its arrays."""
    for array in arrays:
        array.attach_grad()
    with autograd.record():
        result = function(*arrays)
    result.backward()
    return [array.grad for array in arrays]


def names(of_np):
    """What an expression may name."""
    known = {"mx": mx, "nd": nd, "np": np, "npx": npx, "onp": onp, "grad": gradients}
    known["x"] = nd.array([[1.5, -2, 3], [0.5, 5, -6]])
    known["i"] = nd.array([[1, 2, 3], [4, 5, 6]], dtype="int32")
    known["v"] = nd.array([3, 1, 2])
    known["t"] = nd.arange(24).reshape((2, 3, 4))
    known["p"] = nd.array([[0.5, 1, 2], [3, 4, 5]])
    known["e"] = nd.zeros((2, 2))
    if of_np:
        known["X"] = np.array([[1.5, -2, 3], [0.5, 5, -6]])
        known["I"] = np.array([[1, 2, 3], [4, 5, 6]], dtype="int32")
        known["V"] = np.array([3.0, 1, 2])
        known["T"] = np.arange(24).reshape((2, 3, 4))
        known["P"] = np.array([[0.5, 1, 2], [3, 4, 5]])
        known["B"] = np.array([True, False, True])
        known["E"] = np.zeros((0, 3))
        known["D"] = np.array([[1.5, 2], [3, 4]], dtype="float64")
    return known


def rounded(value):
    """A number as it stands in the files."""
    if isinstance(value, (bool, int)):
        return value
    if value != value:
        return "nan"
    if abs(value) >= 1e30:
        return "inf" if value > 0 else "-inf"
    return round(float(value), 5)


def described(result):
    """A result as it stands in the files."""
    if isinstance(result, nd.NDArray):
        values = [rounded(value) for value in result.asnumpy().ravel().tolist()]
        kind = onp.dtype(result.dtype).name
        return [type(result).__name__, kind, list(result.shape), values]
    if isinstance(result, onp.generic):
        return ["onpscalar", result.dtype.name, result.item()]
    if isinstance(result, (list, tuple)):
        return [type(result).__name__, [described(one) for one in result]]
    if isinstance(result, dict):
        return ["dict", [[key, described(value)] for key, value in result.items()]]
    if isinstance(result, (int, float, str, bool, type(None))):
        return [type(result).__name__, result]
    return [type(result).__name__, repr(result)[:100]]


def run(expression, of_np):
    """The result of an expression, with statements before it if it has `;;`."""
    known = names(of_np)
    before, _, last = expression.rpartition(";;")
    try:
        exec(before, known)  # noqa: S102
        return described(eval(last.strip(), known))  # noqa: S307
    except Exception as error:
        return ["ERR", type(error).__name__]


def close(found, expected):
    """Whether two descriptions agree, numbers to the digits that were kept."""
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    numbers = (int, float)
    if isinstance(found, numbers) and isinstance(expected, numbers):
        return abs(found - expected) <= 2e-5 * max(1.0, abs(expected))
    return found == expected
