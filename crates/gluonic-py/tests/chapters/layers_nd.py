"""Layers of our own in the 1.x API, with parameters and without."""

import _show
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn


class Centered(nn.Block):
    """Takes the mean away: no parameters."""

    def forward(self, x):
        return x - x.mean()


layer = Centered()
print(layer(nd.array([1, 2, 3, 4, 5])))
net = nn.Sequential()
net.add(nn.Dense(8), Centered())
net.initialize(init.Constant(0.1))
print(abs(net(nd.ones((4, 3))).mean().asscalar()) < 1e-6)
print(net)


class Linear(nn.Block):
    """A fully connected layer with a ReLU."""

    def __init__(self, units, in_units, **kwargs):
        super().__init__(**kwargs)
        self.weight = self.params.get("weight", shape=(in_units, units))
        self.bias = self.params.get("bias", shape=(units,), init="zeros")

    def forward(self, x):
        return nd.relu(nd.dot(x, self.weight.data()) + self.bias.data())


linear = Linear(units=3, in_units=5)
print(linear.params)
_show.error(linear, nd.ones((1, 5)))
linear.initialize(init.Constant(0.2))
_show.values(linear(nd.ones((2, 5))))
print(linear.weight.data().shape)

net = nn.Sequential()
net.add(Linear(8, in_units=4), Linear(1, in_units=8))
net.initialize(init.Constant(0.5))
_show.values(net(nd.ones((2, 4))))
print(list(net.collect_params()))


class Scaled(nn.HybridBlock):
    """A scale for each feature, whose number the first input tells."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.scale = self.params.get("scale", shape=(1, 0), init="ones", allow_deferred_init=True)
            self.dense = nn.Dense(2, use_bias=False)

    def infer_shape(self, x):
        self.scale.shape = (1, x.shape[1])

    def hybrid_forward(self, F, x, scale):
        return self.dense(F.broadcast_mul(x, scale))


scaled = Scaled(prefix="my_")
print(scaled.collect_params())
scaled.initialize(init.Constant(2))
_show.values(scaled(nd.array([[1, 2, 3]])))
print(scaled.collect_params())
with autograd.record():
    loss = scaled(nd.array([[1, 2, 3]])).sum()
loss.backward()
_show.values(scaled.scale.grad())
scaled.hybridize()
_show.values(scaled(nd.array([[1, 2, 3]])))

image = nd.arange(32).reshape((1, 2, 4, 4)) / 10
cnn = nn.HybridSequential(prefix="cnn_")
with cnn.name_scope():
    cnn.add(nn.Conv2D(3, kernel_size=3, padding=1, activation="relu"))
    cnn.add(nn.BatchNorm(), nn.MaxPool2D(), nn.Flatten(), nn.Dropout(0.5), nn.Dense(2))
cnn.initialize(init.Constant(0.05))
_show.values(cnn(image), 3)
print(cnn)
print(cnn.collect_params())

embedding = nn.Embedding(5, 2)
embedding.initialize(init.Constant(3))
_show.values(embedding(nd.array([0, 4])))
print(embedding, nn.LayerNorm(), nn.Activation("sigmoid"), nn.PReLU())
print(nn.Lambda("tanh"), nn.AvgPool2D(), nn.GlobalAvgPool2D())
losses = [gluon.loss.L2Loss(), gluon.loss.L1Loss(), gluon.loss.SoftmaxCrossEntropyLoss()]
print(losses)
pred, label = nd.array([[1, 2, 4], [0, 1, 0]]), nd.array([2, 1])
_show.values(losses[2](pred, label))
_show.values(losses[0](pred, pred * 2))
_show.values(losses[1](pred, pred * 2))
