"""Training in the dialect of `mx.np`, on data that is the same every time."""

import _show
from mxnet import autograd, gluon, init, np, npx
from mxnet.gluon import data, loss, nn

npx.set_np()

features = np.sin(np.arange(40).reshape(20, 2))
labels = np.dot(features, np.array([2, -3.4])) + 4.2
print(features.shape, labels.shape)
dataset = data.ArrayDataset(features, labels)
batches = data.DataLoader(dataset, batch_size=8)
print([(x.shape, y.shape, type(x).__name__) for x, y in batches])

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
    print("epoch", epoch + 1, round(float(l2(net(features), labels).mean()), 3))
_show.values(net[0].weight.data(), 2)
_show.values(net[0].bias.data(), 2)

x = np.arange(4)
x.attach_grad()
with autograd.record():
    y = 2 * np.dot(x, x)
y.backward()
print(y, x.grad, x.grad == 4 * x)
with autograd.record():
    u = x * x
    z = u.detach() * x
z.backward(np.ones(4))
print(x.grad)
print(autograd.is_recording(), autograd.is_training())

scores = np.array([[1.0, 2, 4], [0, 1, 0]])
_show.values(loss.SoftmaxCrossEntropyLoss()(scores, np.array([2, 1])))
_show.values(npx.softmax(scores))
print(scores.argmax(axis=1), scores.astype("int32").dtype)
