"""Recurrent cells: here those that gluonic has; the others are in the modules beside."""

import numpy as _np

from ... import _gluonic
from .._defaults import with_defaults
from .._layer_block import _LayerBlock
from . import cell_containers, cell_modifiers, recurrent_cell
from .cell_containers import *
from .cell_modifiers import *
from .recurrent_cell import *

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]
__all__ += cell_containers.__all__ + cell_modifiers.__all__ + recurrent_cell.__all__


def _check_activation(word, activation, known):
    if activation not in known:
        raise NotImplementedError(
            f"{word} {activation!r} is not supported\nknown are: {', '.join(known)}"
        )


class _NativeCell(HybridRecurrentCell, _LayerBlock):
    """A cell that is built on one of gluonic."""

    _dtype_as_printed = _np.float32

    _mode = ""
    _hint = ""
    _n_states = 1

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
        layer = _gluonic.recurrent_cell(
            self._naming(prefix, params),
            self._mode,
            hidden_size,
            input_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
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
        self._mode = activation
        super().__init__(
            hidden_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            input_size,
            prefix,
            params,
        )
        self._activation = activation


class LSTMCell(_NativeCell):
    """The cell with a memory beside its state: two states, `h` and `c`.

    >>> LSTMCell(2, input_size=3)
    LSTMCell(3 -> 8)
    """

    _mode = _hint = "lstm"
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
        super().__init__(
            hidden_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            input_size,
            prefix,
            params,
        )
        self._activation = activation
        self._recurrent_activation = recurrent_activation


@with_defaults()
class GRUCell(_NativeCell):
    """The cell of gated units.

    >>> GRUCell(3)
    GRUCell(None -> 9)
    """

    _mode = _hint = "gru"
