"""What became of the cases of one kind, and how values are compared."""

import math


class Tally:
    """Cases that passed, that depart as they should, and that differ."""

    def __init__(self, kind):
        self.kind = kind
        self.passed = 0
        self.departed = []
        self.failed = []

    def lines(self, verbose=False):
        """A line for each case that differs, and the counts."""
        lines = [f"{name}: {text}" for name, text in self.failed]
        if verbose:
            lines += [f"{name}: departs: {title}" for name, title in self.departed]
        total = self.passed + len(self.departed) + len(self.failed)
        counts = f"{self.kind} {self.passed + len(self.departed)}/{total}"
        if self.kind == "semantics":
            counts += f", departures {len(self.departed)}"
        return [*lines, counts]


# As exact as MXNet and the same formulas in float64 agree: see the README of the fixtures.
TOLERANCE = 2e-5


def same(expected, found):
    """True if a value is that of the JSON file. Numbers with a fraction may differ in their last
    digits, everything else is exact; a tuple is a list."""
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return _near(expected, found)
    if isinstance(expected, int) and isinstance(found, float):
        return _near(expected, found)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(same, expected, found))
    if isinstance(expected, dict) and isinstance(found, dict):
        return list(expected) == list(found) and all(same(expected[k], found[k]) for k in expected)
    return type(expected) is type(found) and expected == found


def _near(expected, found):
    if math.isnan(expected) or math.isnan(found):
        return math.isnan(expected) and math.isnan(found)
    return math.isclose(expected, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def plain(value, text=str):
    """A value as JSON has it: arrays and tuples are lists, scalars of NumPy are numbers, a key is a
    text. What JSON does not have stays as it is. `text` says how texts are to read."""
    if hasattr(value, "asnumpy"):
        value = value.asnumpy()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item, text) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item, text) for key, item in value.items()}
    return text(str(value)) if isinstance(value, str) else value


def short(value):
    """A value as text for one line."""
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}…"
