"""Blocks of the 1.x API: containers, own blocks, own containers, Python in forward."""

import _show
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn

x = nd.arange(6).reshape((2, 3))
print(x)

net = nn.Sequential()
net.add(nn.Dense(4, activation="relu"))
net.add(nn.Dense(2))
print(net)
net.initialize(init.Constant(0.5))
_show.values(net(x))
print(net)
print(len(net), net[0].name, net[1].name, net.name, net.prefix)
print(net[-1])
print(net[0:1])
_show.error(lambda: net[2])


class Tower(nn.Block):
    """Two layers and a sum."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.wide = nn.Dense(width, activation="relu")
        self.narrow = nn.Dense(3)

    def forward(self, x):
        return self.narrow(self.wide(x)) + x


tower = Tower(5)
tower.initialize(init.One())
_show.values(tower(x))
print(tower)
print(list(tower.collect_params().keys()))


class Row(nn.Block):
    """A container of our own: children are called one after another."""

    def add(self, block):
        self._children[block.name] = block

    def forward(self, x):
        for block in self._children.values():
            x = block(x)
        return x


row = Row()
row.add(nn.Dense(3, in_units=3))
row.add(nn.Activation("tanh"))
row.initialize(init.Constant(0.1))
_show.values(row(x))
print(list(row.collect_params()))


class Halving(nn.Block):
    """A constant, a layer that is used twice, and a loop."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mix = self.params.get_constant("mix", nd.array([[1, 2, 0], [0, 1, 2], [2, 0, 1]]))
        self.dense = nn.Dense(3, activation="relu")

    def forward(self, x):
        x = self.dense(x)
        x = nd.relu(nd.dot(x, self.mix.data()) + 1)
        x = self.dense(x)
        steps = 0
        while x.norm().asscalar() > 1:
            x = x / 2
            steps += 1
        if x.norm().asscalar() < 0.8:
            x = x * 10
        print("steps", steps)
        return x.sum()


halving = Halving()
halving.initialize(init.Constant(0.25))
print(halving(x).shape)
_show.values(halving(x))
print(halving.mix)
print(halving.collect_params())

nested = nn.Sequential()
with nested.name_scope():
    nested.add(Tower(4), nn.Dense(3, flatten=False), Halving())
nested.initialize(init.Constant(0.25))
print(nested(x).shape)
print(nested)
print(list(nested.collect_params()))

names = []
nested.apply(lambda block: names.append(type(block).__name__))
print(names)

seen = []
handle = net.register_forward_hook(lambda block, inputs, output: seen.append(output.shape))
net(x)
handle.detach()
net(x)
print(seen)


class Forgetful(nn.Block):
    """Without a forward."""


_show.error(Forgetful(), x)
_show.error(nn.HybridSequential().add, nn.Sequential())
_show.error(setattr, tower, "wide", 3)

with autograd.record():
    loss = net(x).sum()
loss.backward()
_show.values(net[0].weight.grad())
print(isinstance(net, gluon.Block), isinstance(net[0], gluon.HybridBlock))
