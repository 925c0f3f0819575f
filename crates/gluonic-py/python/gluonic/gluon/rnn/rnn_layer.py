"""Recurrent layers over whole sequences."""

from ... import _gluonic
from .._defaults import with_defaults
from .._layer_block import _LayerBlock
from ._sequence import states_of

__all__ = ["GRU", "LSTM", "RNN"]


class _RNNLayer(_LayerBlock):
    """What the three layers have in common."""

    _mode = ""
    _hint = ""
    _n_states = 1

    def __init__(
        self,
        hidden_size,
        num_layers=1,
        layout="TNC",
        dropout=0,
        bidirectional=False,
        input_size=0,
        i2h_weight_initializer=None,
        h2h_weight_initializer=None,
        i2h_bias_initializer="zeros",
        h2h_bias_initializer="zeros",
        dtype="float32",
        **kwargs,
    ):
        if layout not in ("TNC", "NTC"):
            raise AssertionError(f"Invalid layout {layout}; must be one of ['TNC' or 'NTC']")
        use_sequence_length = kwargs.pop("use_sequence_length", False)
        layer = _gluonic.recurrent_layer(
            self._naming(**kwargs),
            self._mode,
            hidden_size,
            num_layers,
            layout,
            dropout,
            bidirectional,
            input_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            dtype,
        )
        super().__init__(layer)
        self._hidden_size = hidden_size
        self._num_layers = num_layers
        self._layout = layout
        self._dropout = dropout
        self._dir = 2 if bidirectional else 1
        self._input_size = input_size
        self._dtype = dtype
        self._use_sequence_length = use_sequence_length

    def _alias(self):
        return self._hint

    def cast(self, dtype):
        """Converts the parameters, and the states that `begin_state` makes."""
        super().cast(dtype)
        self._dtype = dtype

    def state_info(self, batch_size=0):
        """The shapes of the states, as a list of dictionaries."""
        shape = (self._num_layers * self._dir, batch_size, self._hidden_size)
        return [
            {"shape": shape, "__layout__": "LNC", "dtype": self._dtype}
            for _ in range(self._n_states)
        ]

    def begin_state(self, batch_size=0, func=None, **kwargs):
        """The states at the start: zeros, or what `func(shape=…, **kwargs)` makes."""
        return states_of(self.state_info(batch_size), func, kwargs)

    def __call__(self, inputs, states=None, sequence_length=None, **kwargs):
        skipped = states is None
        if skipped and isinstance(inputs, _gluonic.NDArray):
            states = self._zeros_for(inputs)
        if isinstance(states, _gluonic.NDArray):
            states = [states]
        self.__dict__["skip_states"] = skipped
        args = (inputs, states)
        if self._use_sequence_length:
            args = (*args, sequence_length)
        return super().__call__(*args, **kwargs)

    def _zeros_for(self, inputs):
        axis = self._layout.find("N")
        batch = inputs.shape[axis] if inputs.ndim > axis else 0
        return self.begin_state(batch, ctx=inputs.context, dtype=inputs.dtype)

    def forward(self, inputs, states=None, sequence_length=None):
        """Computes the outputs of all steps; if states were given also those at the end."""
        if not isinstance(inputs, _gluonic.NDArray):
            return self._layer_forward(inputs)  # says what is wrong
        skipped = states is None or self.__dict__.get("skip_states", False)
        if states is None:
            states = self._zeros_for(inputs)
        axis = self._layout.find("N")
        for state, info in zip(states, self.state_info(inputs.shape[axis])):
            if state.shape != info["shape"]:
                raise ValueError(
                    f"Invalid recurrent state shape. Expecting {info['shape']}, got {state.shape}."
                )
        outputs, states = _gluonic.sequence_call(self._layer, inputs, states, sequence_length)
        return outputs if skipped else (outputs, states)


class RNN(_RNNLayer):
    """A plain recurrent layer: `h' = act(W · x + b + U · h + d)`, with 'relu' or 'tanh'.

    `(steps, batch, inputs)` gives `(steps, batch, hidden_size)`.
    """

    _hint = "rnn"

    def __init__(
        self,
        hidden_size,
        num_layers=1,
        activation="relu",
        layout="TNC",
        dropout=0,
        bidirectional=False,
        i2h_weight_initializer=None,
        h2h_weight_initializer=None,
        i2h_bias_initializer="zeros",
        h2h_bias_initializer="zeros",
        input_size=0,
        dtype="float32",
        **kwargs,
    ):
        if activation not in ("relu", "tanh"):
            raise KeyError(f"rnn_{activation}")
        self._mode = activation
        super().__init__(
            hidden_size,
            num_layers,
            layout,
            dropout,
            bidirectional,
            input_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            dtype,
            **kwargs,
        )


class LSTM(_RNNLayer):
    """A recurrent layer with a memory beside its state.

    >>> layer = LSTM(4, input_size=3)
    >>> layer.initialize()
    >>> layer(nd.ones((5, 1, 3))).shape
    (5, 1, 4)
    """

    _mode = _hint = "lstm"
    _n_states = 2

    def __init__(
        self,
        hidden_size,
        num_layers=1,
        layout="TNC",
        dropout=0,
        bidirectional=False,
        input_size=0,
        i2h_weight_initializer=None,
        h2h_weight_initializer=None,
        i2h_bias_initializer="zeros",
        h2h_bias_initializer="zeros",
        projection_size=None,
        h2r_weight_initializer=None,
        state_clip_min=None,
        state_clip_max=None,
        state_clip_nan=False,
        dtype="float32",
        **kwargs,
    ):
        for word, value in (
            ("projection_size", projection_size),
            ("state_clip_min", state_clip_min),
            ("state_clip_max", state_clip_max),
            ("state_clip_nan", state_clip_nan or None),
        ):
            if value is not None:
                raise NotImplementedError(f"{word} is not supported\nleave it out")
        super().__init__(
            hidden_size,
            num_layers,
            layout,
            dropout,
            bidirectional,
            input_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            dtype,
            **kwargs,
        )


@with_defaults()
class GRU(_RNNLayer):
    """A recurrent layer of gated units."""

    _mode = _hint = "gru"
