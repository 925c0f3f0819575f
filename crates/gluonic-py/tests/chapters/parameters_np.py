"""Parameters, initialization and ties in the dialect of `mx.np`."""

import _show
from mxnet import autograd, gluon, init, np, npx
from mxnet.gluon import nn

npx.set_np()

net = nn.Sequential()
net.add(nn.Dense(3, activation="relu"), nn.Dense(2))
print(net.collect_params())
_show.error(net[0].weight.data)
net.initialize(init.Constant(0.5))
_show.error(net[0].weight.data)
x = np.array([[1, 2], [3, 4]])
print(net(x))
print(net.collect_params())
print(net[1].params)
print(type(net[1].bias).__name__, type(net[1].bias.data()).__name__)
print(net[1].bias)
print(net[1].bias.data())
print(repr(net[0].weight.data()))
print(net[0].weight.grad())
print(net.collect_params()["dense1_bias"].data())

net[0].weight.data()[:] += 1
net[0].weight.data()[0, 0] = 42
print(net[0].weight.data()[0])
print(net[0].weight.data()[net[0].weight.data() > 10])
net[1].bias.set_data(np.array([1, -1]))
_show.error(net[1].bias.set_data, np.ones((3,)))


def block1():
    """A stage of two layers."""
    net = nn.Sequential(prefix="stage_")
    net.add(nn.Dense(4, activation="relu"), nn.Dense(2, activation="relu"))
    return net


def block2():
    """Three stages."""
    net = nn.Sequential()
    for _ in range(3):
        net.add(block1())
    return net


deep = nn.Sequential()
deep.add(block2())
deep.add(nn.Dense(1))
deep.initialize(init.Constant(0.2))
_show.values(deep(x))
print(deep)
print(list(deep.collect_params()))
print(deep[0][1][0].bias.data())


class Steps(init.Initializer):
    """Counts up, and keeps every second value."""

    def _init_weight(self, name, data):
        print("Init", name, data.shape)
        data[:] = np.arange(data.size).reshape(data.shape) - 3
        data *= np.abs(data) >= 2


net.initialize(Steps(), force_reinit=True)
print(net[0].weight.data())
net[0].weight.initialize(init=init.Xavier(), force_reinit=True)
print(bool((np.abs(net[0].weight.data()) <= (3 / 2.5) ** 0.5).all()))
net[1].initialize(init=init.Constant(42), force_reinit=True)
print(net[1].weight.data()[0])
_show.error(net, np.ones((1, 3)))

shared = nn.Dense(4, activation="relu")
tied = nn.Sequential()
tied.add(nn.Dense(4), shared, nn.Dense(4, activation="relu", params=shared.params), nn.Dense(1))
tied.initialize(init.Constant(0.1))
tied(x)
print(tied[1].weight.data()[0] == tied[2].weight.data()[0])
tied[1].weight.data()[0, 0] = 100
print(tied[1].weight.data()[0] == tied[2].weight.data()[0])
with autograd.record():
    y = tied(x).sum()
y.backward()
_show.values(tied[2].weight.grad())

parameter = gluon.Parameter("scale", shape=(2, -1), allow_deferred_init=True)
print(parameter)
parameter.initialize(init.One())
parameter.shape = (2, 2)
_show.error(setattr, parameter, "shape", (2, 3))
