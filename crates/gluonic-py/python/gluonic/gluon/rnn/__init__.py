"""Recurrent layers and cells."""

from . import rnn_cell, rnn_layer
from .cell_containers import *  # type checkers do not find these in rnn_cell
from .cell_modifiers import *
from .recurrent_cell import *
from .rnn_cell import *
from .rnn_layer import *

__all__ = rnn_cell.__all__ + rnn_layer.__all__
