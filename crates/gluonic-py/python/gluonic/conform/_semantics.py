"""`semantics.json`: pieces of Python, each with what came of it on MXNet."""

import contextlib
import io
import os
import re
import tempfile
import warnings

import numpy

from ._departures import departure
from ._tally import Tally, plain, same, short


class Outcome:
    """What came of a piece: a value, or an exception; and the warnings on the way."""

    def __init__(self, value, error, warned):
        self.value = value
        self.error = error
        self.warned = warned

    def first_line(self):
        """The first line of the error's text, after the places in C++ that MXNet puts above it."""
        lines = str(self.error).split("\n")
        if lines[0].startswith("Traceback"):
            lines = [line for line in lines[1:] if not line.startswith(" ")] or lines
        return _as_mxnet(lines[0].rstrip())

    def is_error(self, kind, first_line):
        """True for an exception of a class that has, or inherits from one that has, this name."""
        classes = type(self.error).__mro__ if self.error is not None else ()
        named = any(klass.__name__ == kind for klass in classes)
        return named and self.first_line() == first_line.rstrip()

    def __str__(self):
        if self.error is not None:
            return f"{type(self.error).__name__}: {short(self.first_line())}"
        return short(self.value)


def _as_mxnet(text):
    """A text in which classes and modules say that they are MXNet's."""
    return re.sub(r"(class '|module '|^)gluonic\.", r"\1mxnet.", text)


def run(cases, mx):
    """Runs all cases on `mx`: gluonic under MXNet's names, or MXNet itself."""
    tally = Tally("semantics")
    for case in cases["cases"]:
        outcome = execute(cases.get("prelude") or "", case, mx)
        text = _difference(case, outcome)
        known = departure(case, outcome) if text else None
        if not text:
            tally.passed += 1
        elif known is None:
            tally.failed.append((case["name"], text))
        elif known.does_instead(case, outcome):
            tally.departed.append((case["name"], known.title))
        else:
            text = f"departs ({known.title}) to something else than the table says: {outcome}"
            tally.failed.append((case["name"], text))
    return tally


def _difference(case, outcome):
    """Where the outcome differs from MXNet's; None if it does not."""
    if "error" in case:
        kind, line = case["error"]
        if not outcome.is_error(kind, line):
            return f"expected {kind}: {short(line)}, found {outcome}"
    elif outcome.error is not None or not same(case.get("value"), outcome.value):
        return f"expected {short(case.get('value'))}, found {outcome}"
    expected = [list(warning) for warning in case.get("warnings") or []]
    if expected != outcome.warned:
        return f"expected the warnings {short(expected)}, found {short(outcome.warned)}"
    return None


def execute(prelude, case, mx):
    """Runs one piece in a folder of its own, with counters of names that start at 0."""
    space = _names(mx)
    value = error = None
    printed = contextlib.redirect_stdout(io.StringIO())
    with _fresh(mx), printed, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(prelude, space)
            exec(case.get("setup") or "", space)
            value = plain(eval(case["expr"], space), _as_mxnet)
        except Exception as raised:  # whatever it is, it is the outcome
            error = raised
    warned = [
        [warning.category.__name__, str(warning.message).split("\n")[0]]
        for warning in caught
        if warning.category is not ResourceWarning  # a piece leaves a file open
    ]
    return Outcome(value, error, warned)


@contextlib.contextmanager
def _fresh(mx):
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        mx.random.seed(1)
        numpy.random.seed(1)
        try:
            with mx.name.NameManager():
                yield
        finally:
            os.chdir(before)
            mx.util.set_np(shape=False, array=False)
            mx.autograd.set_recording(False)
            mx.autograd.set_training(False)


def _names(mx):
    """What a piece may name without an import."""
    return {
        "mx": mx,
        "nd": mx.nd,
        "autograd": mx.autograd,
        "init": mx.init,
        "gluon": mx.gluon,
        "nn": mx.gluon.nn,
        "rnn": mx.gluon.rnn,
        "gloss": mx.gluon.loss,
        "loss": mx.gluon.loss,
        "Parameter": mx.gluon.Parameter,
        "ParameterDict": mx.gluon.ParameterDict,
        "Constant": mx.gluon.Constant,
        "Trainer": mx.gluon.Trainer,
        "np": numpy,
    }
