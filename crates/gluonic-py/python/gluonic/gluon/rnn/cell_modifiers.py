"""Cells around a cell, which change what it does, and dropout between cells."""

from ... import _gluonic
from ._sequence import is_array, merged, steps_of
from .cell_containers import BidirectionalCell, SequentialRNNCell
from .recurrent_cell import HybridRecurrentCell

__all__ = ["DropoutCell", "ModifierCell", "ResidualCell", "ZoneoutCell"]


class DropoutCell(HybridRecurrentCell):
    """Dropout between two cells; it has no state.

    >>> DropoutCell(0.5)
    DropoutCell(rate=0.5, axes=())
    """

    def __init__(self, rate, axes=(), prefix=None, params=None):
        super().__init__(prefix, params)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)):
            raise AssertionError("rate must be a number")
        self._rate = rate
        self._axes = axes

    def _alias(self):
        return "dropout"

    def __repr__(self):
        return f"{type(self).__name__}(rate={self._rate}, axes={self._axes})"

    def state_info(self, batch_size=0):
        """No states."""
        return []

    def forward(self, inputs, states):
        """Zeroes some of the inputs, in training."""
        self._count()
        return self._drop(inputs), states

    def _drop(self, inputs):
        return _gluonic.dropout_once(inputs, self._rate, list(self._axes)) if self._rate else inputs

    def unroll(
        self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None, valid_length=None
    ):
        """Zeroes some of the inputs of all steps; one array of them with one draw."""
        self.reset()
        if merge_outputs is None and is_array(inputs):
            merge_outputs = True
        inputs, _ = (merged if merge_outputs else steps_of)(length, inputs, layout)
        states = [] if begin_state is None else begin_state
        if merge_outputs:
            return self._drop(inputs), states
        return [self._drop(step) for step in inputs], states


class ModifierCell(HybridRecurrentCell):
    """The base of cells around a cell, which share its parameters."""

    def __init__(self, base_cell):
        if base_cell._modified:
            raise AssertionError(
                f"Cell {base_cell.name} is already modified. One cell cannot be modified twice"
            )
        base_cell.__dict__["_modified"] = True
        super().__init__(prefix=base_cell.prefix + self._alias(), params=None)
        self.base_cell = base_cell

    @property
    def params(self):
        """The parameters of the cell inside."""
        return self.base_cell.params

    def state_info(self, batch_size=0):
        """The states of the cell inside."""
        return self.base_cell.state_info(batch_size)

    def begin_state(self, func=None, **kwargs):
        """The states of the cell inside at the start."""
        self._check_unmodified()
        with _Unmodified(self.base_cell):
            return self.base_cell.begin_state(func=func, **kwargs)

    def __repr__(self):
        return f"{type(self).__name__}({self.base_cell!r})"


class _Unmodified:
    """Inside it a cell may be asked for its states, though another one is around it."""

    def __init__(self, cell):
        self._cell = cell

    def __enter__(self):
        self._cell.__dict__["_modified"] = False

    def __exit__(self, *_):
        self._cell.__dict__["_modified"] = True


class ZoneoutCell(ModifierCell):
    """A cell of which, in training, some outputs and states stay as they were."""

    def __init__(self, base_cell, zoneout_outputs=0.0, zoneout_states=0.0):
        if isinstance(base_cell, BidirectionalCell):
            raise AssertionError(
                "BidirectionalCell doesn't support zoneout since it doesn't support step. Please "
                "add ZoneoutCell to the cells underneath instead."
            )
        if isinstance(base_cell, SequentialRNNCell) and any(
            isinstance(cell, BidirectionalCell) for cell in base_cell._children.values()
        ):
            raise AssertionError(
                "Bidirectional SequentialRNNCell doesn't support zoneout. Please add ZoneoutCell to "
                "the cells underneath instead."
            )
        super().__init__(base_cell)
        self.zoneout_outputs = zoneout_outputs
        self.zoneout_states = zoneout_states
        self._prev_output = None

    def _alias(self):
        return "zoneout"

    def __repr__(self):
        return (
            f"{type(self).__name__}(p_out={self.zoneout_outputs}, p_state={self.zoneout_states}, "
            f"{self.base_cell!r})"
        )

    def reset(self):
        """Forgets the last output too."""
        super().reset()
        self.__dict__["_prev_output"] = None

    def forward(self, inputs, states):
        """Computes one step of the cell inside, and mixes it with what was."""
        self._count()
        output, after = self.base_cell(inputs, states)
        if self.zoneout_outputs:
            output = _gluonic.zoneout(self.zoneout_outputs, output, self._prev_output)
        if self.zoneout_states:
            pairs = zip(after, states)
            after = [_gluonic.zoneout(self.zoneout_states, new, old) for new, old in pairs]
        self.__dict__["_prev_output"] = output
        return output, after


class ResidualCell(ModifierCell):
    """A cell whose input is added to its output."""

    def _alias(self):
        return "residualcell"

    def forward(self, inputs, states):
        """Computes one step of the cell inside, and adds the input."""
        self._count()
        output, states = self.base_cell(inputs, states)
        return output + inputs, states

    def unroll(
        self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None, valid_length=None
    ):
        """Walks the cell inside along the sequence, and adds the inputs."""
        self.reset()
        cells = [self.base_cell]
        with _Unmodified(self.base_cell):
            return self._walk(
                "residual", cells, length, inputs, begin_state, layout, merge_outputs, valid_length
            )
