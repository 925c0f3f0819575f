"""Initialization of the 1.x API: built-in rules, our own, deferred shapes."""

import warnings

import _show
from mxnet import init, nd
from mxnet.gluon import nn


def mlp(**kwargs):
    """Two layers."""
    net = nn.Sequential()
    net.add(nn.Dense(4, activation="relu", **kwargs), nn.Dense(2))
    return net


x = nd.ones((2, 3))
net = mlp()
net.initialize()
print(net.collect_params())
net(x)
print(net.collect_params())
bound = net[0].weight.data().abs().max().asscalar()
print(bound <= 0.07, net[0].bias.data().abs().sum().asscalar())

net.initialize(init=init.Normal(sigma=0.01), force_reinit=True)
print(net[0].weight.data().abs().max().asscalar() < 0.1)
net.initialize(init=init.Constant(1), force_reinit=True)
print(net[0].weight.data()[0])
net[0].weight.initialize(init=init.Xavier(), force_reinit=True)
net[1].initialize(init=init.Constant(42), force_reinit=True)
print(net[0].weight.data().abs().max().asscalar() <= (3 / 3.5) ** 0.5)
print(net[1].weight.data()[0, 0].asscalar(), net[1].bias.data()[0].asscalar())

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    net.initialize()
for warning in caught:
    print(warning.category.__name__, warning.message)


class Steps(init.Initializer):
    """Counts up, says so, and keeps every second value."""

    def _init_weight(self, name, data):
        print("Init", name, data.shape)
        data[:] = nd.arange(data.size).reshape(data.shape) - 3
        data *= data.abs() >= 2


net.initialize(Steps(), force_reinit=True)
print(net[0].weight.data())
net[0].bias.initialize(init=Steps(), force_reinit=True)
print(net[0].bias.data())

net[0].weight.data()[:] += 1
net[0].weight.data()[0, 0] = 42
print(net[0].weight.data()[0])

print(init.Xavier().dumps(), init.Normal(0.5).dumps(), init.Zero().dumps())
for word in ("ones", "xavier", '["constant", {"value": 3}]'):
    one = nn.Dense(2, in_units=2, weight_initializer=word)
    one.initialize()
    print(one.weight.shape, one.weight.init == word)
_show.error(mlp(weight_initializer="nope").initialize)
_show.error(mlp(bias_initializer=None, in_units=3).initialize, init.Xavier())
bare = nn.Dense(2, in_units=2)
_show.error(bare.initialize, init.Initializer())

late = mlp()
late.initialize(Steps())
print("nothing so far")
late(x)
print("now all")
print(late)
_show.error(late, nd.ones((2, 5)))

partly = nn.Sequential()
partly.add(nn.Dense(3, in_units=2), nn.Dense(2))
partly.initialize(init.One())
print(partly[0].weight.data())
_show.error(partly[1].weight.data)
print(partly[1].weight, partly[1].weight.list_ctx())
partly[1].weight.shape = (2, 3)
print(partly[1].weight.shape)
partly(nd.ones((1, 2)))
_show.values(partly[1].weight.data())
_show.error(setattr, partly[1].weight, "shape", (2, 4))

mixed = init.Mixed([".*bias", ".*"], [init.Zero(), init.One()])
array = nd.zeros((2,))
mixed("some_weight", array)
print(array)
