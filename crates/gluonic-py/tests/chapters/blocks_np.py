"""Blocks in the dialect of `mx.np`."""

import _show
from mxnet import autograd, init, np, npx
from mxnet.gluon import nn

npx.set_np()

x = np.arange(6).reshape(2, 3)
print(x)
print(repr(x), x.shape, x.dtype)

net = nn.Sequential()
net.add(nn.Dense(4, activation="relu"))
net.add(nn.Dense(2))
net.initialize(init.Constant(0.5))
print(net(x))
print(net)


class Tower(nn.Block):
    """Two layers and a sum."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.wide = nn.Dense(width)
        self.narrow = nn.Dense(3)

    def forward(self, x):
        return self.narrow(npx.relu(self.wide(x))) + x


tower = Tower(5)
tower.initialize(init.One())
print(tower(x))
print(tower)


class Row(nn.Block):
    """A container of our own."""

    def __init__(self, *blocks):
        super().__init__()
        for block in blocks:
            self.register_child(block)

    def forward(self, x):
        for block in self._children.values():
            x = block(x)
        return x


row = Row(nn.Dense(3), nn.Activation("tanh"))
row.initialize(init.Constant(0.1))
_show.values(row(x))


class Halving(nn.Block):
    """A constant, a layer that is used twice, and a loop."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mix = self.params.get_constant("mix", np.array([[1, 2, 0], [0, 1, 2], [2, 0, 1]]))
        self.dense = nn.Dense(3, activation="relu")

    def forward(self, x):
        x = self.dense(x)
        x = npx.relu(np.dot(x, self.mix.data()) + 1)
        x = self.dense(x)
        steps = 0
        while np.abs(x).sum() > 1:
            x /= 2
            steps += 1
        print("steps", steps)
        return x.sum()


halving = Halving()
halving.initialize(init.Constant(0.25))
total = halving(x)
print(total.shape, round(float(total), 4), round(total.item(), 4))

nested = nn.Sequential()
nested.add(Tower(4), nn.Dense(3), Halving())
nested.initialize(init.Constant(0.25))
print(nested(x).shape)
print(nested)

with autograd.record():
    loss = net(x).sum()
loss.backward()
print(net[0].weight.grad())
print(net.collect_params())
