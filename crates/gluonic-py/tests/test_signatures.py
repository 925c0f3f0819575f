"""What classes are made of: `measured/signatures.json` is `inspect.signature` of MXNet 1.9.1's."""

import inspect
import json
import pathlib
import sys
from functools import reduce

import pytest

import gluonic
from gluonic.gluon import nn, rnn
from gluonic.gluon._defaults import with_defaults

MEASURED = pathlib.Path(__file__).parent / "measured" / "signatures.json"
SIGNATURES = json.loads(MEASURED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_class_takes_the_arguments_of_mxnets_with_their_defaults(name):
    made = reduce(getattr, name.split("."), gluonic)
    assert str(inspect.signature(made.__init__)) == SIGNATURES[name]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python does not say the class before")
@pytest.mark.parametrize("made", [nn.Conv2D, nn.Conv3DTranspose, rnn.GRU, rnn.GRUCell])
def test_a_missing_argument_is_said_of_the_class_that_was_called(made):
    with pytest.raises(TypeError, match=rf"^{made.__name__}\.__init__\(\) missing"):
        made()


@pytest.mark.parametrize(
    "module, names",
    [
        (nn.conv_layers, ["Conv1D", "MaxPool2D", "GlobalAvgPool3D"]),
        (rnn.rnn_cell, ["LSTMCell", "ZoneoutCell", "SequentialRNNCell", "RecurrentCell"]),
    ],
)
def test_a_module_has_the_names_that_it_has_in_mxnet(module, names):
    assert set(names) <= set(module.__all__)
    assert all(inspect.isclass(getattr(module, name)) for name in names)


def test_a_default_for_an_argument_that_there_is_not_is_refused():
    class Base:
        def __init__(self, width, color="black"):
            self.text = f"{width} {color}"

    with pytest.raises(TypeError, match="^Wide has no defaults for {'size'}$"):

        @with_defaults(size=3)
        class Wide(Base):
            pass
