"""Where gluonic differs from MXNet on purpose: see DEPARTURES.md, which gives the reasons.

A case counts as a departure only if it is of a kind that is listed here, and only if gluonic does
what is written here instead.
"""

import re

from ._tally import same

_ASSIGNING = "MXNetError: Check failed: AGInfo: :IsNone(*output): Assigning to NDArrays"


class Departure:
    """A behaviour that differs: which cases show it, and what gluonic does in them."""

    def __init__(self, title, meant, cases=None, instead=None):
        self.title = title
        # Tells whether a case is of this kind.
        self._meant = meant
        # The cases of gluonic's own fixtures, by name, with what gluonic gives in them.
        self.cases = cases or {}
        # What gluonic does in any other case of this kind.
        self._otherwise = instead

    def is_meant(self, case, outcome):
        """True if this is the reason why a case differs."""
        return self._meant(case, outcome)

    def does_instead(self, case, outcome):
        """True if gluonic does what the table says."""
        instead = _instead(self.cases, case)
        if instead is not None:
            return outcome.error is None and same(instead[1], outcome.value)
        return self._otherwise is not None and self._otherwise(outcome)


def _accepts(outcome):
    """No error, whatever the value."""
    return outcome.error is None


def _raises(outcome):
    """An error."""
    return outcome.error is not None


def _instead(cases, case):
    """The table's answer to a case: what counts is the code, not the name that a file gives it."""
    code = _code(case)
    return next((known for known in cases.values() if known[0] == code), None)


def _code(case):
    return f"{case.get('setup') or ''}\n{case['expr']}"


def _refused(kind, start):
    """Cases that MXNet refuses with an error that starts like this."""

    def meant(case, _):
        return case.get("error", [None])[0] == kind and case["error"][1].startswith(start)

    return meant


def _refused_now(pattern):
    """Cases that MXNet accepts, or refuses later, and gluonic with such an error."""

    def meant(_, outcome):
        return outcome.error is not None and re.search(pattern, outcome.first_line()) is not None

    return meant


def _listed(cases):
    """The cases of the table only."""
    return lambda case, _: _instead(cases, case) is not None


_E = "e=mk()\n"
_GRAD = "y.backward()\nr=e.weight.grad().asnumpy().tolist()\nr"
_SQUARE = "    y=(e(x)**2).sum()\n"
_RECORD = "with autograd.record():\n"
_EDIT = "    e.weight.data()[:]+=1\n"

_IN_RECORD = {
    "inplace_in_record_before_use": (
        _E + _RECORD + _EDIT + _SQUARE + _GRAD,
        [[24.0, 48.0]],  # of w = 4: y = 12², dy/dw = 2 · 12 · x
    ),
    "inplace_in_record_after_use": (
        _E + _RECORD + _SQUARE + _EDIT + _GRAD,
        [[18.0, 36.0]],  # of the value that was used, w = 3
    ),
    "set_data_nd_in_record": (
        _E + _RECORD + "    e.weight.set_data(nd.ones((1,2))*5)\n" + _SQUARE + _GRAD,
        [[30.0, 60.0]],  # of w = 5
    ),
}

_AFTER_FORWARD = {
    "edit_between_forward_and_backward": (
        _E
        + "xx=nd.array([[1.,2.]]); xx.attach_grad()\n"
        + "with autograd.record(): y=(e(xx)**2).sum()\n"
        + "e.weight.data()[:]=100\ny.backward()\n"
        + "r=[y.asscalar().item(),xx.grad.asnumpy().tolist(),e.weight.grad().asnumpy().tolist()]\n"
        + "r",
        [81.0, [[54.0, 54.0]], [[18.0, 36.0]]],  # of the value that was used, w = 3
    ),
}

_REINIT = {
    "reinit_between": (
        _E
        + "with autograd.record(): y=(e(x)**2).sum()\n"
        + "e.initialize(init.One(),force_reinit=True)\n"
        + _GRAD,
        [[18.0, 36.0]],  # the gradient's array is the same one, so backward reaches it
    ),
}

_INITIALIZERS = {
    "s035": ("n=mlp()\nn.initialize(None)", None),
    "s037": ("n=mlp()\nn.initialize(init.Mixed(['.*'],[init.One()]))", None),
}

# An index out of range of an Embedding, an unknown activation, a size that is none.
_AT_ONCE = (
    r"is not a row number below|^no activation is called|must be 1 or more, found (0|-)"
    r"|^a size cannot be -|^can't convert negative int|less than 0, while received -"
)

DEPARTURES = [
    Departure(
        "edits inside record",
        _refused("MXNetError", _ASSIGNING),
        _IN_RECORD,
        instead=_accepts,
    ),
    Departure("edits after forward", _listed(_AFTER_FORWARD), _AFTER_FORWARD),
    Departure("force_reinit in place", _listed(_REINIT), _REINIT),
    Departure(
        "any initializer",
        _refused("AssertionError", "initializer must be of string type"),
        _INITIALIZERS,
        instead=_accepts,
    ),
    Departure("errors at once", _refused_now(_AT_ONCE), instead=_raises),
]


def departure(case, outcome):
    """The departure that explains why a case differs; None if none does."""
    return next((known for known in DEPARTURES if known.is_meant(case, outcome)), None)
