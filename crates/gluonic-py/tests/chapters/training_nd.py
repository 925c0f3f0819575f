"""A training loop of the 1.x API on data that is the same every time."""

import _show
from mxnet import autograd, gluon, init, lr_scheduler, metric, nd
from mxnet.gluon import data, loss, nn

features = nd.arange(40).reshape((20, 2))
features = nd.sin(features)
labels = nd.dot(features, nd.array([[2], [-3.4]])) + 4.2
dataset = data.ArrayDataset(features, labels)
print(len(dataset), [part.shape for part in dataset[0]])
batches = data.DataLoader(dataset, batch_size=8, shuffle=False)
print([(x.shape, y.shape) for x, y in batches])

net = nn.Sequential()
net.add(nn.Dense(1))
net.initialize(init.Constant(0.01))
l2 = loss.L2Loss()
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.2})
for epoch in range(3):
    for x, y in batches:
        with autograd.record():
            error = l2(net(x), y)
        error.backward()
        trainer.step(x.shape[0])
    print("epoch", epoch + 1, round(l2(net(features), labels).mean().asscalar().item(), 3))
_show.values(net[0].weight.data(), 2)
_show.values(net[0].bias.data(), 2)
print(trainer.learning_rate)
trainer.set_learning_rate(0.1)
print(trainer.learning_rate)
_show.error(trainer.step, 1)
trainer.step(1, ignore_stale_grad=True)
_show.error(gluon.Trainer, net.collect_params(), "nope")
_show.error(gluon.Trainer, [1, 2], "sgd")
_show.error(gluon.Trainer, 3, "sgd")

points = nd.array([[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 2]])
classes = nd.array([0, 1, 1, 0, 1, 0])
net = nn.HybridSequential()
net.add(nn.Dense(4, activation="tanh"), nn.Dense(2))
net.initialize(init.Zero())
net(points)
net[0].weight.set_data(nd.array([[1, -1], [0.5, 0.5], [-1, 1], [0.3, -0.2]]))
net[1].weight.set_data(nd.array([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]))
net.hybridize()
crossentropy = loss.SoftmaxCrossEntropyLoss()
for name, settings in [
    ("sgd", {"learning_rate": 0.5, "momentum": 0.9, "wd": 0.001}),
    ("adam", {"learning_rate": 0.05}),
]:
    trainer = gluon.Trainer(net.collect_params(), name, settings)
    for _ in range(5):
        with autograd.record():
            error = crossentropy(net(points), classes).mean()
        error.backward()
        trainer.step(1)
    print(name, round(error.asscalar().item(), 3))
accuracy = metric.Accuracy()
accuracy.update([classes], [net(points)])
print(accuracy.get())

parameter = gluon.Parameter("w", shape=(2,), init="ones")
parameter.initialize()
schedule = lr_scheduler.FactorScheduler(step=2, factor=0.5, base_lr=1.0)
trainer = gluon.Trainer([parameter], "sgd", {"learning_rate": 1.0, "lr_scheduler": schedule})
for _ in range(4):
    with autograd.record():
        y = (parameter.data() * nd.array([1, 2])).sum()
    y.backward()
    trainer.step(1)
    _show.values(parameter.data())
trainer.save_states("states")
trainer.load_states("states")

rows = nd.ones((2, 3))
rows.attach_grad()
with autograd.record():
    y = (rows * 2).sum()
    with autograd.pause():
        z = rows * 100
    print(autograd.is_recording(), autograd.is_training())
y.backward()
print(rows.grad)
parts = gluon.utils.split_and_load(nd.arange(4).reshape((4, 1)), [nd.zeros(1).context])
print(len(parts), parts[0].shape)
print(round(gluon.utils.clip_global_norm([rows.grad], 1.0), 3))
_show.values(rows.grad)
