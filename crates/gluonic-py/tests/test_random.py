"""Random arrays of both dialects: their laws, their seeds, their shapes."""

import math

import numpy
import pytest

import gluonic as mx
from gluonic import MXNetError, _gluonic, init, nd, np

N = 100_000

#: A draw of N numbers, its mean, its variance, its fourth central moment.
LAWS = {
    "nd uniform": (lambda: nd.random.uniform(-1, 3, shape=N), 1, 16 / 12, 256 / 80),
    "nd normal": (lambda: nd.random.normal(2, 3, shape=N), 2, 9, 243),
    "nd exponential": (lambda: nd.random.exponential(2, shape=N), 2, 4, 144),
    "nd gamma": (lambda: nd.random.gamma(3, 0.5, shape=N), 1.5, 0.75, 45 / 16),
    "nd poisson": (lambda: nd.random.poisson(4, shape=N), 4, 4, 4 * 13),
    "nd negative_binomial": (
        lambda: nd.random.negative_binomial(3, 0.4, shape=N),
        4.5,
        11.25,
        (3 + 2 + 0.16 / 1.8) * 11.25**2,
    ),
    "nd generalized_negative_binomial": (
        # k = 1 / alpha and p = 1 / (1 + alpha mu): the same law as above.
        lambda: nd.random.generalized_negative_binomial(4.5, 1 / 3, shape=N),
        4.5,
        11.25,
        (3 + 2 + 0.16 / 1.8) * 11.25**2,
    ),
    "nd randint": (lambda: nd.random.randint(0, 10, shape=N), 4.5, 8.25, 120.8625),
    "np uniform": (lambda: np.random.uniform(0, 2, N), 1, 1 / 3, 0.2),
    "np randn": (lambda: np.random.randn(N), 0, 1, 3),
    "np logistic": (
        lambda: np.random.logistic(1, 2, N),
        1,
        4 * math.pi**2 / 3,
        16 * 7 * math.pi**4 / 15,
    ),
    "np gumbel": (
        lambda: np.random.gumbel(0, 1, N),
        0.5772156649,
        math.pi**2 / 6,
        5.4 * (math.pi**2 / 6) ** 2,
    ),
    "np beta": (lambda: np.random.beta(2, 2, N), 0.5, 0.05, 0.05**2 * (3 - 6 / 7)),
    "np chisquare": (lambda: np.random.chisquare(3, size=N), 3, 6, 36 * 7),
    "np rayleigh": (
        lambda: np.random.rayleigh(1, N),
        math.sqrt(math.pi / 2),
        2 - math.pi / 2,
        3.2451 * (2 - math.pi / 2) ** 2,
    ),
    "np power": (lambda: np.random.power(3, N), 0.75, 0.0375, 0.0375**2 * 3.1),
    "np weibull": (
        lambda: np.random.weibull(2, N),
        math.gamma(1.5),
        1 - math.gamma(1.5) ** 2,
        3.2451 * (1 - math.gamma(1.5) ** 2) ** 2,
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_moments_are_those_of_the_law(name):
    draw, mean, variance, fourth = LAWS[name]
    mx.random.seed(11)
    values = draw().asnumpy().astype("float64")
    assert abs(values.mean() - mean) <= 5 * math.sqrt(variance / N)
    assert abs(values.var() - variance) <= 5 * math.sqrt((fourth - variance**2) / N)


def test_equal_seeds_give_equal_numbers_and_draws_differ():
    def draw():
        mx.random.seed(3)
        return [nd.random.normal(shape=5).asnumpy(), np.random.rand(5).asnumpy()]

    for one, two in zip(draw(), draw()):
        assert (one == two).all()
    first, second = nd.random.uniform(shape=5), nd.random.uniform(shape=5)
    assert (first.asnumpy() != second.asnumpy()).any()


def test_a_seed_that_is_no_number_is_refused():
    # First line as measured on MXNet 1.9.1.
    with pytest.raises(ValueError, match="^seed_state must be int$"):
        mx.random.seed("a")


@init.register
class Drawing(init.Initializer):
    def _init_weight(self, name, arr):
        arr[:] = nd.random.normal(0, 1, shape=arr.shape)


def test_inside_an_initializer_numbers_are_those_of_the_parameters_address():
    def weight(before):
        mx.random.seed(5)
        net = mx.gluon.nn.Dense(3, in_units=4)
        net.initialize(Drawing())
        for _ in range(before):
            nd.random.uniform(shape=2)
        return net.weight.data().asnumpy()

    assert (weight(0) == weight(7)).all()


def test_settings_may_be_arrays():
    # Shapes as measured on MXNet 1.9.1.
    low = nd.array([0, 5])
    assert nd.random.uniform(low, low, shape=2).asnumpy().tolist() == [[0, 0], [5, 5]]
    assert nd.random.normal(low, nd.zeros(2)).asnumpy().tolist() == [0, 5]
    assert nd.random.gamma(nd.ones((2, 3)), nd.ones((2, 3)), shape=4).shape == (2, 3, 4)
    assert np.random.uniform(np.array([0.0, 5]), np.array([0.0, 5])).tolist() == [0, 5]
    with pytest.raises(AssertionError, match="^Distribution parameters must all have the same"):
        nd.random.uniform(low, 1)


def test_types_and_shapes_are_those_of_mxnet():
    assert nd.random.uniform().shape == (1,) and np.random.uniform().shape == ()
    assert nd.random.randint(0, 5).dtype == numpy.int32
    assert np.random.randint(5).dtype == numpy.int64
    assert nd.random.normal(shape=2, dtype="float64").dtype == numpy.float64
    assert nd.random.randn(2, 3).shape == (2, 3) and np.random.randn(2, 3).shape == (2, 3)
    with pytest.raises(MXNetError, match="^MXNetError: Invalid Input: 'int32', valid values are"):
        nd.random.uniform(shape=2, dtype="int32")


def test_wrong_settings_are_refused():
    for wrong in (
        lambda: nd.random.normal(0, -1, shape=2),
        lambda: nd.random.randint(5, 3, shape=2),
        lambda: nd.random.poisson(-1, shape=2),
        lambda: nd.random.gamma(0, 1, shape=2),
        lambda: nd.random.randint(0.5, 3),
        lambda: nd.random.multinomial(nd.array([0.0, 0.0])),
    ):
        with pytest.raises(MXNetError):
            wrong()


def test_multinomial_draws_classes_by_their_shares():
    data = nd.array([[0, 1.0, 0], [0.5, 0, 0.5]])
    drawn = nd.random.multinomial(data, shape=1000).asnumpy()
    assert drawn.dtype == numpy.int32 and drawn.shape == (2, 1000)
    assert set(drawn[0]) == {1} and set(drawn[1]) == {0, 2}
    assert 400 < (drawn[1] == 0).sum() < 600
    classes, logs = nd.random.multinomial(data, shape=3, get_prob=True)
    assert logs.asnumpy()[0].tolist() == [0, 0, 0]
    numpy.testing.assert_allclose(logs.asnumpy()[1], math.log(0.5), rtol=1e-6)


def test_shuffles_keep_the_rows():
    x = nd.arange(20).reshape((10, 2))
    y = nd.random.shuffle(x).asnumpy()
    assert sorted(y[:, 0]) == list(range(0, 20, 2)) and (y[:, 1] - y[:, 0] == 1).all()
    z = np.arange(100)
    np.random.shuffle(z)
    assert sorted(z.tolist()) == list(range(100)) and z.tolist() != list(range(100))


def test_choice_draws_with_and_without_putting_back():
    drawn = np.random.choice(10, size=10, replace=False).tolist()
    assert sorted(drawn) == list(range(10))
    assert np.random.choice(3, (5,), p=np.array([0.0, 1, 0])).tolist() == [1] * 5
    values = np.random.choice(np.array([7.0, 8.0]), (50,))
    assert set(values.tolist()) == {7.0, 8.0}
    weighted = np.random.choice(3, size=2, replace=False, p=np.array([0.5, 0.0, 0.5]))
    assert sorted(weighted.tolist()) == [0, 2]
    with pytest.raises(ValueError, match="larger sample"):
        np.random.choice(3, 5, replace=False)


def test_the_older_names_are_there():
    assert nd.random_uniform(3, 3, shape=2).asnumpy().tolist() == [3, 3]
    assert nd.sample_normal(nd.array([1, 2]), nd.zeros(2), shape=2).asnumpy().tolist() == [
        [1, 1],
        [2, 2],
    ]
    assert mx.random.uniform(0, 1, (2,)).shape == (2,)
    assert nd.random.uniform_like(nd.zeros((2, 3))).shape == (2, 3)


def test_a_law_that_is_not_there_is_an_error_also_below_the_names_of_mxnet():
    with pytest.raises(MXNetError, match="a law and its settings"):
        _gluonic.ops.draw("uniform", [1.0], (2,), "float32", None, False)
