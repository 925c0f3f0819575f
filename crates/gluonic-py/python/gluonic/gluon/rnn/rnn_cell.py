"""Recurrent cells: one step at a time, or unrolled along a sequence."""

import numpy as _np

from ... import _gluonic
from ..block import Block, HybridBlock, _indent, _LayerBlock
from .rnn_layer import _begin_state

__all__ = [
    "BidirectionalCell",
    "DropoutCell",
    "GRUCell",
    "HybridRecurrentCell",
    "HybridSequentialRNNCell",
    "LSTMCell",
    "ModifierCell",
    "RNNCell",
    "RecurrentCell",
    "ResidualCell",
    "SequentialRNNCell",
    "ZoneoutCell",
]


def _is_array(inputs):
    return isinstance(inputs, _gluonic.NDArray)


def _check_length(length, n_steps):
    if length is not None and length != n_steps:
        raise AssertionError(f"\nthe sequence has {n_steps} steps, not {length}")


def _time_axis(layout):
    axis = layout.find("T")
    if axis not in (0, 1) or "N" not in layout:
        raise ValueError(f"a layout of a sequence is 'TNC' or 'NTC', not '{layout}'")
    return axis


def _steps_of(length, inputs, layout):
    """The steps as a list, and the number of samples."""
    axis = _time_axis(layout)
    if not _is_array(inputs):
        _check_length(length, len(inputs))
        return list(inputs), inputs[0].shape[layout.replace("T", "").find("N")]
    _check_length(length, inputs.shape[axis])
    return _gluonic.steps(inputs, axis), inputs.shape[layout.find("N")]


def _merged(length, inputs, layout):
    """The steps as one array, and the number of samples."""
    axis = _time_axis(layout)
    if not _is_array(inputs):
        _check_length(length, len(inputs))
        inputs = _gluonic.join(list(inputs), axis, True)
    _check_length(length, inputs.shape[axis])
    return inputs, inputs.shape[layout.find("N")]


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
        return _begin_state(info, func, kwargs)

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
        first = inputs if _is_array(inputs) else inputs[0]
        return self.begin_state(batch_size=batch_size, ctx=first.context, dtype=first.dtype)

    def unroll(
        self,
        length,
        inputs,
        begin_state=None,
        layout="NTC",
        merge_outputs=None,
        valid_length=None,
    ):
        """Walks the cell along a sequence: `length` steps, in one array or in a list. Returns the
        outputs, as a list unless `merge_outputs`, and the states at the end; with `valid_length`
        those at the end of each sample, and outputs of 0 behind it."""
        self.reset()
        if valid_length is None:
            inputs, batch_size = _steps_of(length, inputs, layout)
            states = self._states_for(batch_size, begin_state, inputs)
            outputs = []
            for step in inputs:
                output, states = self(step, states)
                outputs.append(output)
            if merge_outputs:
                outputs = _gluonic.join(outputs, _time_axis(layout), True)
            return outputs, states
        return self._walk(
            "steps", [self], length, inputs, begin_state, layout, merge_outputs, valid_length
        )

    def _walk(self, kind, cells, length, inputs, begin_state, layout, merge, valid_length):
        """Unrolls by gluonic."""
        inputs, batch_size = _merged(length, inputs, layout)
        states = self._states_for(batch_size, begin_state, inputs)
        outputs, states = _gluonic.unroll(
            kind, cells, inputs, list(states), layout, valid_length
        )
        if merge is False or (merge is None and valid_length is None):
            outputs = _gluonic.steps(outputs, _time_axis(layout))
        return outputs, states


class HybridRecurrentCell(RecurrentCell, HybridBlock):
    """A `RecurrentCell` whose step may be given as `hybrid_forward(F, inputs, states,
    **parameters)`."""


class _NativeCell(HybridRecurrentCell, _LayerBlock):
    """A cell that is built on one of gluonic."""

    _dtype_as_printed = _np.float32

    _hint = ""
    _n_states = 1

    def __init__(self, mode, hidden_size, inits, input_size, prefix, params):
        layer = _gluonic.recurrent_cell(
            self._naming(prefix, params), mode, hidden_size, input_size, *inits
        )
        _LayerBlock.__init__(self, layer)
        self._hidden_size = hidden_size
        self._input_size = input_size

    def _alias(self):
        return self._hint

    def state_info(self, batch_size=0):
        """The shapes of the states, as a list of dictionaries."""
        shape = (batch_size, self._hidden_size)
        return [{"shape": shape, "__layout__": "NC"} for _ in range(self._n_states)]

    def forward(self, inputs, states):
        """Computes one step: the output and the next states."""
        self._count()
        return _gluonic.cell_step(self._layer, inputs, states)

    def hybrid_forward(self, F, inputs, states, **params):
        """Computes one step: the output and the next states."""
        return _gluonic.cell_step(self._layer, inputs, states)


class RNNCell(_NativeCell):
    """The plain recurrent cell: `h' = act(W · x + b + U · h + d)`, with 'tanh' or 'relu'.

    >>> RNNCell(8)
    RNNCell(None -> 8, tanh)
    """

    _hint = "rnn"

    def __init__(
        self,
        hidden_size,
        activation="tanh",
        i2h_weight_initializer=None,
        h2h_weight_initializer=None,
        i2h_bias_initializer="zeros",
        h2h_bias_initializer="zeros",
        input_size=0,
        prefix=None,
        params=None,
    ):
        _check_activation("activation", activation, ("tanh", "relu"))
        inits = (
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
        )
        super().__init__(activation, hidden_size, inits, input_size, prefix, params)
        self._activation = activation


class LSTMCell(_NativeCell):
    """The cell with a memory beside its state: two states, `h` and `c`.

    >>> LSTMCell(2, input_size=3)
    LSTMCell(3 -> 8)
    """

    _hint = "lstm"
    _n_states = 2

    def __init__(
        self,
        hidden_size,
        i2h_weight_initializer=None,
        h2h_weight_initializer=None,
        i2h_bias_initializer="zeros",
        h2h_bias_initializer="zeros",
        input_size=0,
        prefix=None,
        params=None,
        activation="tanh",
        recurrent_activation="sigmoid",
    ):
        _check_activation("activation", activation, ("tanh",))
        _check_activation("recurrent_activation", recurrent_activation, ("sigmoid",))
        inits = (
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
        )
        super().__init__("lstm", hidden_size, inits, input_size, prefix, params)
        self._activation = activation
        self._recurrent_activation = recurrent_activation


class GRUCell(_NativeCell):
    """The cell of gated units.

    >>> GRUCell(3)
    GRUCell(None -> 9)
    """

    _hint = "gru"

    def __init__(
        self,
        hidden_size,
        i2h_weight_initializer=None,
        h2h_weight_initializer=None,
        i2h_bias_initializer="zeros",
        h2h_bias_initializer="zeros",
        input_size=0,
        prefix=None,
        params=None,
    ):
        inits = (
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
        )
        super().__init__("gru", hidden_size, inits, input_size, prefix, params)


def _check_activation(word, activation, known):
    if activation not in known:
        raise NotImplementedError(
            f"{word} {activation!r} is not supported\nknown are: {', '.join(known)}"
        )


class _Cells:
    """Cells one after another."""

    def add(self, cell):
        """Adds a cell at the end."""
        self.register_child(cell)

    def state_info(self, batch_size=0):
        """The states of all cells."""
        return [info for cell in self._children.values() for info in cell.state_info(batch_size)]

    def begin_state(self, **kwargs):
        """The states of all cells at the start."""
        self._check_unmodified()
        return [
            state for cell in self._children.values() for state in cell.begin_state(**kwargs)
        ]

    def forward(self, inputs, states):
        """Computes one step of each cell."""
        self._count()
        return self._each(inputs, states, lambda cell, x, own: cell(x, own))

    def _each(self, inputs, states, run):
        after = []
        place = 0
        for cell in self._children.values():
            n = len(cell.state_info())
            inputs, own = run(cell, inputs, states[place : place + n])
            place += n
            after.extend(own)
        return inputs, after

    def unroll(
        self,
        length,
        inputs,
        begin_state=None,
        layout="NTC",
        merge_outputs=None,
        valid_length=None,
    ):
        """Walks each cell along the outputs of the one before: see `RecurrentCell.unroll`."""
        self.reset()
        axis = _time_axis(layout)
        if _is_array(inputs):
            _check_length(length, inputs.shape[axis])
            batch_size = inputs.shape[layout.find("N")]
        else:
            inputs, batch_size = _steps_of(length, inputs, layout)
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
_Cells.begin_state.__qualname__ = "SequentialRNNCell.begin_state"


class SequentialRNNCell(_Cells, RecurrentCell):
    """Cells that are called one after another; their states stand in one list."""


class HybridSequentialRNNCell(_Cells, HybridRecurrentCell):
    """The same as `SequentialRNNCell`, for cells that are `HybridBlock`s."""


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
        self,
        length,
        inputs,
        begin_state=None,
        layout="NTC",
        merge_outputs=None,
        valid_length=None,
    ):
        """Zeroes some of the inputs of all steps; one array of them with one draw."""
        self.reset()
        if merge_outputs is None and _is_array(inputs):
            merge_outputs = True
        inputs, _ = (_merged if merge_outputs else _steps_of)(length, inputs, layout)
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
        self,
        length,
        inputs,
        begin_state=None,
        layout="NTC",
        merge_outputs=None,
        valid_length=None,
    ):
        """Walks the cell inside along the sequence, and adds the inputs."""
        self.reset()
        with _Unmodified(self.base_cell):
            return self._walk(
                "residual",
                [self.base_cell],
                length,
                inputs,
                begin_state,
                layout,
                merge_outputs,
                valid_length,
            )


class BidirectionalCell(HybridRecurrentCell):
    """One cell from the start of a sequence and one from its end, their outputs side by side. It
    can be unrolled, not stepped."""

    def __init__(self, l_cell, r_cell, output_prefix="bi_"):
        super().__init__(prefix="", params=None)
        self.register_child(l_cell, "l_cell")
        self.register_child(r_cell, "r_cell")
        self._output_prefix = output_prefix

    def __call__(self, inputs, states):
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def __repr__(self):
        left, right = self._cells()
        return f"{type(self).__name__}(forward={left!r}, backward={right!r})"

    def _cells(self):
        return [self._children["l_cell"], self._children["r_cell"]]

    def state_info(self, batch_size=0):
        """The states of both cells."""
        return [info for cell in self._cells() for info in cell.state_info(batch_size)]

    def begin_state(self, **kwargs):
        """The states of both cells at the start."""
        self._check_unmodified()
        return [state for cell in self._cells() for state in cell.begin_state(**kwargs)]

    def unroll(
        self,
        length,
        inputs,
        begin_state=None,
        layout="NTC",
        merge_outputs=None,
        valid_length=None,
    ):
        """Walks both cells along the sequence: see `RecurrentCell.unroll`."""
        self.reset()
        return self._walk(
            "bidirectional",
            self._cells(),
            length,
            inputs,
            begin_state,
            layout,
            merge_outputs,
            valid_length,
        )
