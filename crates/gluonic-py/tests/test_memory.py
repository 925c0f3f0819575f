"""Arrays that no machine has memory for: an exception, and the process goes on."""

import pytest

import gluonic as mx
from gluonic import gluon, nd, np

BIG = 10**7  # its square takes more bytes than a process has addresses


@pytest.mark.parametrize(
    "make",
    [
        lambda: nd.zeros((BIG, BIG)),
        lambda: nd.full((BIG, BIG), 2, dtype="float64"),
        lambda: nd.arange(10**14),
        lambda: np.linspace(0, 1, 10**14),
        lambda: nd.eye(BIG, BIG * 2),
        lambda: nd.random.uniform(shape=(BIG, BIG)),
        lambda: nd.random.poisson(shape=(BIG, BIG)),
        lambda: nd.tile(nd.ones((2, 3)), (BIG, BIG)),
        lambda: nd.repeat(nd.ones(3), 10**14),
        lambda: nd.broadcast_to(nd.ones((1, 1)), (BIG, BIG)),
        lambda: nd.ones((BIG, 1)) * nd.ones((1, BIG)),
        lambda: nd.ones((BIG, 1)) > nd.ones((1, BIG * 2)),
        lambda: nd.dot(nd.ones((BIG, 1)), nd.ones((1, BIG))),
        lambda: np.outer(np.ones(BIG), np.ones(BIG)),
        lambda: nd.one_hot(nd.ones(10), 10**14),
        lambda: np.pad(np.ones((2, 2)), ((0, 10**14), (0, 0))),
        lambda: nd.take(nd.ones((1, BIG)), nd.zeros(BIG)),
        lambda: nd.Embedding(nd.zeros(BIG), nd.ones((1, BIG)), input_dim=1, output_dim=BIG),
        lambda: gluon.nn.Dense(BIG, in_units=BIG).initialize(),
        lambda: gluon.Parameter("w", shape=(BIG, BIG)).initialize(init="xavier"),
    ],
)
def test_what_takes_too_much_memory_is_refused(make):
    with pytest.raises(MemoryError, match="bytes of memory, which are not to be had"):
        make()


def test_sizes_beyond_the_address_space_are_refused():
    with pytest.raises(MemoryError, match="too large"):
        nd.zeros((2**40, 2**40))
    assert mx.nd.ones(1).asscalar() == 1
