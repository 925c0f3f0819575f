"""What all recurrent cells are: one step at a time, or unrolled along a sequence."""

from ... import _gluonic
from ..block import Block, HybridBlock
from ._sequence import is_array, merged, states_of, steps_of, time_axis

__all__ = ["HybridRecurrentCell", "RecurrentCell"]


class RecurrentCell(Block):
    """A block that takes an input and its states, and gives an output and the next states.

    Override `state_info` and `forward(inputs, states)`.
    """

    _modified = False
    _counter = -1
    _init_counter = -1

    def reset(self):
        """Forgets how many steps were made; cells that keep something forget it."""
        self.__dict__["_init_counter"] = -1
        self.__dict__["_counter"] = -1
        for cell in self._children.values():
            if isinstance(cell, RecurrentCell):
                cell.reset()

    def state_info(self, batch_size=0):
        """The shapes of the states, as a list of dictionaries."""
        raise NotImplementedError

    def begin_state(self, batch_size=0, func=None, **kwargs):
        """The states at the start: zeros, or what `func(shape=…, **kwargs)` makes."""
        self._check_unmodified()
        info = self.state_info(batch_size)
        self.__dict__["_init_counter"] = self._init_counter + len(info)
        return states_of(info, func, kwargs)

    def _check_unmodified(self):
        if self._modified:
            raise AssertionError(
                "After applying modifier cells (e.g. ZoneoutCell) the base cell cannot be called "
                "directly. Call the modifier cell instead."
            )

    def _begin(self):
        self.__dict__.update(_modified=False, _init_counter=-1, _counter=-1)
        super()._begin()

    def _count(self):
        self.__dict__["_counter"] = self._counter + 1

    def forward(self, inputs, states):
        """Computes one step: the output and the next states."""
        self._count()
        return super().forward(inputs, states)

    def _states_for(self, batch_size, begin_state, inputs):
        if begin_state is not None:
            return begin_state
        first = inputs if is_array(inputs) else inputs[0]
        return self.begin_state(batch_size=batch_size, ctx=first.context, dtype=first.dtype)

    def unroll(
        self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None, valid_length=None
    ):
        """Walks the cell along a sequence: `length` steps, in one array or in a list. Returns the
        outputs, as a list unless `merge_outputs`, and the states at the end; with `valid_length`
        those at the end of each sample, and outputs of 0 behind it."""
        self.reset()
        if valid_length is None:
            inputs, batch_size = steps_of(length, inputs, layout)
            states = self._states_for(batch_size, begin_state, inputs)
            outputs = []
            for step in inputs:
                output, states = self(step, states)
                outputs.append(output)
            if merge_outputs:
                outputs = _gluonic.join(outputs, time_axis(layout), True)
            return outputs, states
        return self._walk(
            "steps", [self], length, inputs, begin_state, layout, merge_outputs, valid_length
        )

    def _walk(self, kind, cells, length, inputs, begin_state, layout, merge, valid_length):
        """Unrolls by gluonic."""
        inputs, batch_size = merged(length, inputs, layout)
        states = self._states_for(batch_size, begin_state, inputs)
        outputs, states = _gluonic.unroll(
            kind, cells, inputs, list(states), layout, valid_length
        )
        if merge is False or (merge is None and valid_length is None):
            outputs = _gluonic.steps(outputs, time_axis(layout))
        return outputs, states


class HybridRecurrentCell(RecurrentCell, HybridBlock):
    """A `RecurrentCell` whose step may be given as `hybrid_forward(F, inputs, states,
    **parameters)`."""
