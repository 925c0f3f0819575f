"""Layers of our own, and files, in the dialect of `mx.np`."""

import _show
from mxnet import init, np, npx
from mxnet.gluon import nn

npx.set_np()


class Centered(nn.Block):
    """Takes the mean away: no parameters."""

    def forward(self, x):
        return x - x.mean()


print(Centered()(np.array([1, 2, 3, 4, 5])))


class Linear(nn.Block):
    """A fully connected layer with a ReLU."""

    def __init__(self, units, in_units, **kwargs):
        super().__init__(**kwargs)
        self.weight = self.params.get("weight", shape=(in_units, units))
        self.bias = self.params.get("bias", shape=(units,))

    def forward(self, x):
        linear = np.dot(x, self.weight.data(ctx=x.ctx)) + self.bias.data(ctx=x.ctx)
        return npx.relu(linear)


linear = Linear(3, in_units=5)
print(linear.params)
linear.initialize(init.Constant(0.2))
_show.values(linear(np.ones((2, 5))))
net = nn.Sequential()
net.add(Linear(8, in_units=4), Linear(1, in_units=8), Centered())
net.initialize(init.Constant(0.5))
print(abs(float(net(np.ones((2, 4))).mean())) < 1e-5)

x = np.arange(4)
npx.save("one", x)
print(npx.load("one"))
npx.save("two", [x, np.zeros((2, 2))])
print(npx.load("two"))
npx.save("named", {"x": x, "y": np.ones(())})
print(npx.load("named"))


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
x = np.array([[1, 2, 3, 4]])
y = net(x)
net.save_parameters("mlp.params")
clone = MLP()
clone.load_parameters("mlp.params")
print(clone(x) == y)
print(clone.collect_params())
print(sorted(npx.load("mlp.params")))

image = np.arange(32).reshape(1, 2, 4, 4) / 10
cnn = nn.Sequential()
cnn.add(nn.Conv2D(3, kernel_size=3, padding=1, activation="relu"))
cnn.add(nn.BatchNorm(), nn.AvgPool2D(), nn.Dense(2))
cnn.initialize(init.Constant(0.05))
_show.values(cnn(image), 3)
print(cnn)
