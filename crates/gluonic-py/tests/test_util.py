"""`mx.util`, `mx.base`, `mx.name`. Types and values were compared with MXNet 1.9.1's."""

import os

import numpy as np
import pytest

from gluonic import MXNetError, base, gluon, name, util


def dialect():
    """Whether arrays are mx.np's, and whether 0 is a size."""
    return util.is_np_array(), util.is_np_shape()


def test_set_np_and_reset_np_turn_both_on_and_off():
    assert dialect() == (False, False)
    util.set_np()
    assert dialect() == (True, True)
    util.set_np(array=False)
    assert dialect() == (False, True)
    util.reset_np()
    assert dialect() == (False, False)


def test_arrays_of_np_without_its_shapes_are_refused():
    with pytest.raises(ValueError, match="NumPy Shape semantics is required in using NumPy array"):
        util.set_np(shape=False, array=True)
    assert dialect() == (False, False)


def test_set_np_shape_returns_what_was():
    assert util.set_np_shape(True) is False
    assert util.set_np_shape(False) is True


def test_scopes_go_back_to_what_was_even_after_an_error():
    with util.np_shape(), util.np_array():
        assert dialect() == (True, True)
        with util.np_array(False):
            assert dialect() == (False, True)
        assert dialect() == (True, True)
    with pytest.raises(ZeroDivisionError), util.np_shape():
        1 / 0  # noqa: B018
    assert dialect() == (False, False)


def test_use_np_wraps_functions_and_every_method_of_a_class():
    @util.use_np
    def function(x, *, y=2):
        """Says what it sees."""
        return dialect(), x + y

    @util.use_np
    class Net(gluon.Block):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.made_in = dialect()

        @property
        def read_in(self):
            return dialect()

        @staticmethod
        def plain():
            return dialect()

        def forward(self, x):
            return dialect()

    assert function(1, y=3) == ((True, True), 4)
    assert (function.__name__, function.__doc__) == ("function", "Says what it sees.")
    net = Net()
    assert net.made_in == net.read_in == net.forward(1) == (True, True)
    assert Net.plain() == (False, False)
    assert dialect() == (False, False)


def test_use_np_shape_and_use_np_array_set_one_each():
    assert util.use_np_shape(dialect)() == (False, True)
    assert util.use_np_array(dialect)() == (True, False)
    with pytest.raises(TypeError, match="not 3"):
        util.use_np(3)


def test_environment_variables_are_set_and_taken_away():
    assert util.getenv("GLUONIC_NONE") is None
    util.setenv("GLUONIC_NONE", "1")
    assert os.environ["GLUONIC_NONE"] == util.getenv("GLUONIC_NONE") == "1"
    util.setenv("GLUONIC_NONE", None)
    util.setenv("GLUONIC_NONE", None)
    assert util.getenv("GLUONIC_NONE") is None


def test_words_for_types_hold_what_mxnets_hold():
    assert base.string_types == (str,)
    assert all(isinstance(x, base.numeric_types) for x in (1, 1.5, np.float32(1), np.int8(1)))
    assert all(isinstance(x, base.integer_types) for x in (1, np.int32(1), np.int64(1)))
    assert not isinstance("1", base.numeric_types)
    assert not isinstance(np.float32(1), base.integer_types)
    assert base.py_str("größe".encode()) == "größe"
    assert base.mx_real_t is np.float32


def test_errors_inherit_as_mxnets_do():
    assert issubclass(MXNetError, RuntimeError) and base.MXNetError is MXNetError
    assert issubclass(base.NotImplementedForSymbol, MXNetError)
    assert issubclass(base.NotSupportedForSparseNDArray, MXNetError)


def test_a_classproperty_is_read_from_the_class_and_its_objects():
    class Counted:
        n = 3

        @base.classproperty
        def twice(cls):
            """Twice n."""
            return 2 * cls.n

    class More(Counted):
        n = 4

    assert (Counted.twice, Counted().twice, More.twice) == (6, 6, 8)


def test_a_name_manager_counts_from_0_and_goes_back():
    outside = gluon.nn.Dense(1).name
    with name.NameManager() as manager:
        assert gluon.nn.Dense(1).name == "dense0"
        with name.NameManager():
            assert gluon.nn.Dense(1).name == "dense0"
        assert gluon.nn.Dense(1).name == "dense1"
    with manager:
        assert gluon.nn.Dense(1).name == "dense2"
    assert gluon.nn.Dense(1).name == f"dense{int(outside[5:]) + 1}"
