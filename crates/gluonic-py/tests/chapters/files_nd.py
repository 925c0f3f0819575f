"""Reading and writing in the 1.x API. Files go into the working folder."""

import os
import warnings

import _show
from mxnet import init, nd
from mxnet.gluon import nn

x = nd.arange(4)
nd.save("one", x)
print(nd.load("one"))
y = nd.zeros((2, 2))
nd.save("two", [x, y])
print(nd.load("two"))
nd.save("named", {"x": x, "y": y})
print(nd.load("named"))
print(sorted(os.listdir(".")), os.path.getsize("one"))
_show.error(nd.load, "none")


class MLP(nn.Block):
    """Two layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = nn.Dense(3, activation="relu")
        self.output = nn.Dense(2)

    def forward(self, x):
        return self.output(self.hidden(x))


net = MLP()
_show.error(net.save_parameters, "mlp.params")
net.initialize(init.Constant(0.3))
_show.error(net.save_parameters, "mlp.params")
x = nd.array([[1, 2, 3, 4]])
y = net(x)
net.save_parameters("mlp.params")
print(list(nd.load("mlp.params")))

clone = MLP()
clone.load_parameters("mlp.params")
print((clone(x) == y).asnumpy().tolist())
print(clone.collect_params())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    clone.initialize()
print(len(caught), caught[0].message)

net.hidden.save_parameters("hidden.params")
print(list(nd.load("hidden.params")))


class Deep(MLP):
    """One layer more."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.extra = nn.Dense(2)


_show.error(Deep().load_parameters, "mlp.params")
deep = Deep()
deep.load_parameters("mlp.params", allow_missing=True)
print(deep.hidden.weight.shape, deep.extra.weight.shape)
_show.error(nn.Sequential().load_parameters, "mlp.params")
other = MLP()
other.hidden = nn.Dense(5, in_units=4)
_show.error(other.load_parameters, "mlp.params")
half = MLP()
half.cast("float16")
_show.error(half.load_parameters, "mlp.params")
half.load_parameters("mlp.params", cast_dtype=True)
print(half.hidden.weight.data().dtype.__name__)
_show.error(net.load_parameters, "no/such/file.params")

net.collect_params().save("global.params")
print(list(nd.load("global.params")))
net.collect_params().load("global.params")
_show.error(clone.collect_params().load, "global.params")
_show.error(net.collect_params().save, "x.params", strip_prefix="zzz_")

shared = nn.Dense(2, in_units=2)
tied = nn.Sequential()
tied.add(shared, nn.Dense(2, params=shared.params), nn.Dense(1, in_units=2))
tied.initialize(init.One())
tied.save_parameters("tied.params")
print(list(nd.load("tied.params")))
tied.save_parameters("tied.params", deduplicate=True)
print(list(nd.load("tied.params")))
tied.load_parameters("tied.params")

scoped = nn.Sequential(prefix="net_")
with scoped.name_scope():
    scoped.add(nn.Dense(2, in_units=1), nn.Dense(1, in_units=2))
scoped.initialize(init.One())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    scoped.save_params("old.params")
    print(list(nd.load("old.params")))
print([warning.category.__name__ for warning in caught])
