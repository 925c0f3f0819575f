"""Cells made of cells: one after another, or in both directions."""

from ..block import _indent
from ._sequence import check_length, is_array, steps_of, time_axis
from .recurrent_cell import HybridRecurrentCell, RecurrentCell

__all__ = ["BidirectionalCell", "HybridSequentialRNNCell", "SequentialRNNCell"]


class _States:
    """The states of several cells, one after another."""

    def _inner_cells(self):
        return list(self._children.values())

    def state_info(self, batch_size=0):
        """The states of all cells."""
        return [info for cell in self._inner_cells() for info in cell.state_info(batch_size)]

    def begin_state(self, **kwargs):
        """The states of all cells at the start."""
        self._check_unmodified()
        return [state for cell in self._inner_cells() for state in cell.begin_state(**kwargs)]


class _Cells(_States):
    """Cells one after another."""

    def add(self, cell):
        """Adds a cell at the end."""
        self.register_child(cell)

    def forward(self, inputs, states):
        """Computes one step of each cell."""
        self._count()
        return self._each(inputs, states, lambda cell, x, own: cell(x, own))

    def _each(self, inputs, states, run):
        after = []
        place = 0
        for cell in self._inner_cells():
            n = len(cell.state_info())
            inputs, own = run(cell, inputs, states[place : place + n])
            place += n
            after.extend(own)
        return inputs, after

    def unroll(
        self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None, valid_length=None
    ):
        """Walks each cell along the outputs of the one before: see `RecurrentCell.unroll`."""
        self.reset()
        axis = time_axis(layout)
        if is_array(inputs):
            check_length(length, inputs.shape[axis])
            batch_size = inputs.shape[layout.find("N")]
        else:
            inputs, batch_size = steps_of(length, inputs, layout)
        states = self._states_for(batch_size, begin_state, inputs)
        last = len(self) - 1
        place = iter(range(len(self)))

        def run(cell, x, own):
            merge = merge_outputs if next(place) == last else None
            return cell.unroll(
                length,
                x,
                begin_state=own,
                layout=layout,
                merge_outputs=merge,
                valid_length=valid_length,
            )

        return self._each(inputs, states, run)

    def __repr__(self):
        lines = "\n".join(
            f"({key}): {_indent(repr(cell))}" for key, cell in self._children.items()
        )
        return f"{type(self).__name__}(\n{lines}\n)"

    def __getitem__(self, i):
        return self._children[str(i)]

    def __len__(self):
        return len(self._children)


# As Python's errors name it.
_States.begin_state.__qualname__ = "SequentialRNNCell.begin_state"


class SequentialRNNCell(_Cells, RecurrentCell):
    """Cells that are called one after another; their states stand in one list."""


class HybridSequentialRNNCell(_Cells, HybridRecurrentCell):
    """The same as `SequentialRNNCell`, for cells that are `HybridBlock`s."""


class BidirectionalCell(_States, HybridRecurrentCell):
    """One cell from the start of a sequence and one from its end, their outputs side by side. It
    can be unrolled, not stepped."""

    def __init__(self, l_cell, r_cell, output_prefix="bi_"):
        super().__init__(prefix="", params=None)
        self.register_child(l_cell, "l_cell")
        self.register_child(r_cell, "r_cell")
        self._output_prefix = output_prefix

    def begin_state(self, **kwargs):
        """The states of both cells at the start."""
        return super().begin_state(**kwargs)

    def __call__(self, inputs, states):
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def __repr__(self):
        left, right = self._inner_cells()
        return f"{type(self).__name__}(forward={left!r}, backward={right!r})"

    def _inner_cells(self):
        return [self._children["l_cell"], self._children["r_cell"]]

    def unroll(
        self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None, valid_length=None
    ):
        """Walks both cells along the sequence: see `RecurrentCell.unroll`."""
        self.reset()
        cells = self._inner_cells()
        return self._walk(
            "bidirectional", cells, length, inputs, begin_state, layout, merge_outputs, valid_length
        )
