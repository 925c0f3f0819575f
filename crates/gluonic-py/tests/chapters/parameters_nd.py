"""Parameters of the 1.x API: access, printing, gradients, ties."""

import _show
import mxnet as mx
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn

net = nn.Sequential()
net.add(nn.Dense(3, activation="relu"), nn.Dense(2))
x = nd.array([[1, 2], [3, 4]])

print(net[0].params)
print(net.collect_params())
_show.error(net[0].weight.data)
_show.error(lambda: net(x))
net.initialize(init.Constant(0.5))
_show.error(net[0].weight.data)
_show.error(net[0].weight.grad)
print(net[0].bias.data())
net(x)

print(net[0].params)
print(net[0].weight)
print(net[0].weight.name, net[0].weight.shape, net[0].weight.dtype, net[0].weight.grad_req)
print(net[0].weight.data())
print(net[0].weight.grad())
print(net[0].params["dense0_weight"] is net[0].weight)
print(net.collect_params()["dense1_bias"].data())
_show.error(lambda: net.collect_params()["dense9_bias"])
print(net.collect_params(".*weight"))
print(net.collect_params("dense1.*|dense0_bias"))
print(net.collect_params)

net[0].weight.data()[:] += 1
net[0].weight.data()[0, 0] = 42
print(net[0].weight.data())
print(net[0].weight.data()[0])
net[1].bias.set_data(nd.array([1, -1]))
_show.values(net(x))
_show.error(net[1].bias.set_data, nd.ones((3,)))
_show.error(net[0].weight.data, mx.cpu(1))

with autograd.record():
    y = (net(x) ** 2).mean()
y.backward()
_show.values(net[0].weight.grad())
_show.values(net[1].bias.grad())
net.collect_params().zero_grad()
_show.values(net[1].bias.grad())
net.collect_params().setattr("grad_req", "null")
_show.error(net[1].bias.grad)
_show.error(y.backward)
net.collect_params().setattr("grad_req", "write")
_show.error(setattr, net[0].weight, "grad_req", "sometimes")

shared = nn.Dense(4, activation="relu")
tied = nn.Sequential()
tied.add(nn.Dense(4), shared, nn.Dense(4, activation="relu", params=shared.params), nn.Dense(1))
tied.initialize(init.Constant(0.1))
_show.values(tied(x))
print(tied)
print(list(tied.collect_params()))
print(tied[1].weight is tied[2].weight, tied[2].name, tied[2].params.prefix)
tied[1].weight.data()[0, 0] = 100
print((tied[1].weight.data() == tied[2].weight.data()).asnumpy().all())
with autograd.record():
    y = tied(x).sum()
y.backward()
_show.values(tied[2].weight.grad())
_show.error(lambda: nn.Dense(5, params=shared.params))

params = gluon.ParameterDict("block_")
weight = params.get("weight", shape=(2, 0), allow_deferred_init=True)
print(weight)
print(params.get("weight", shape=(2, 3)) is weight, weight.shape)
_show.error(lambda: params.get("weight", shape=(4, 4)))
_show.error(lambda: params["weight"])
print("block_weight" in params, list(params.keys()))
params.initialize("zeros")
print(params["block_weight"].data())
other = gluon.Parameter("scale", shape=(2,), init="ones", lr_mult=0.5)
_show.error(other.list_ctx)
other.initialize()
print(other.data(), other.lr_mult, other.list_ctx())
constant = gluon.Constant("fixed", [[1, 2], [3, 4]])
constant.initialize()
print(constant.data(), constant.grad_req)
