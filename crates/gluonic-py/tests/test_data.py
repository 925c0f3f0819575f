"""Data sets, samplers, loaders and transforms; and the whole of a training on them."""

import gc
import gzip
import threading
import weakref

import numpy as np
import pytest

import gluonic as mx
from gluonic import autograd, gluon, metric, nd
from gluonic.gluon import data, nn
from gluonic.gluon.data.vision import transforms


class Squares(data.Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError(i)
        return nd.array([i, i * i]), i


def numbers(loader):
    return [batch.asnumpy().tolist() for batch in loader]


def test_an_array_data_set_gives_rows_and_numbers():
    x, y = np.arange(6).reshape(3, 2).astype("float32"), nd.array([7, 8, 9], dtype="int32")
    rows = data.ArrayDataset(x, y)
    assert len(rows) == 3
    image, label = rows[1]
    assert image.tolist() == [2, 3] and label == 8
    assert data.ArrayDataset(x)[2].tolist() == [4, 5]
    with pytest.raises(AssertionError, match="All arrays must have the same length; array"):
        data.ArrayDataset(x, [1, 2])


def test_parts_of_a_data_set():
    # Measured: 10 samples in 3 shards are 4, 3 and 3.
    numbers = data.SimpleDataset(list(range(10)))
    assert [list(numbers.shard(3, i)) for i in range(3)] == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert list(numbers.take(3)) == [0, 1, 2] and len(numbers.take(None)) == 10
    assert len(numbers.take(99)) == 10
    assert list(numbers.filter(lambda i: i % 4 == 0)) == [0, 4, 8]
    assert list(numbers.sample(data.SequentialSampler(3, 5))) == [5, 6, 7]
    with pytest.raises(AssertionError):
        numbers.shard(3, 3)
    with pytest.raises(TypeError, match="Invalid sampler type"):
        numbers.sample([1, 2])


def test_transforms_are_lazy_or_made_at_once():
    calls = []

    def double(x, y):
        calls.append(y)
        return x * 2, y

    samples = Squares(3)
    lazy = samples.transform(double)
    assert calls == []
    assert lazy[2][0].asnumpy().tolist() == [4, 8] and calls == [2]
    samples.transform(double, lazy=False)
    assert calls == [2, 0, 1, 2]
    first = samples.transform_first(lambda x: x + 1)[1]
    assert first[0].asnumpy().tolist() == [2, 2] and first[1] == 1


@pytest.mark.parametrize(
    "last_batch, expected",
    [
        ("keep", [[[0, 1, 2], [3, 4, 5], [6]]] * 2),
        ("discard", [[[0, 1, 2], [3, 4, 5]]] * 2),
        ("rollover", [[[0, 1, 2], [3, 4, 5]], [[6, 0, 1], [2, 3, 4]]]),
    ],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_the_last_batch(last_batch, expected, workers):
    sampler = data.BatchSampler(data.SequentialSampler(7), 3, last_batch)
    assert [list(sampler) for _ in range(2)] == expected
    samples = data.ArrayDataset(np.arange(7))
    loader = data.DataLoader(samples, 3, last_batch=last_batch, num_workers=workers)
    assert len(loader) == len(expected[0])
    assert [numbers(loader) for _ in range(2)] == expected


def test_an_unknown_way_of_the_last_batch_is_refused():
    with pytest.raises(ValueError):
        data.DataLoader(Squares(3), 2, last_batch="foo")
    with pytest.raises(ValueError, match="last_batch must be one of 'keep', 'discard', or"):
        list(data.BatchSampler(data.SequentialSampler(3), 2, "foo"))


def test_a_shuffled_epoch_takes_each_sample_once_in_another_order_each_time():
    loader = data.DataLoader(data.ArrayDataset(np.arange(50)), 7, shuffle=True)
    first, second = np.concatenate(numbers(loader)), np.concatenate(numbers(loader))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("make", [lambda: data.ArrayDataset(np.arange(20)), lambda: Squares(20)])
def test_the_seed_decides_the_order_and_the_number_of_workers_does_not(make):
    def order(workers):
        mx._gluonic.seed(7)
        loader = data.DataLoader(make(), 6, shuffle=True, num_workers=workers)
        batches = [batch[0] if isinstance(batch, list) else batch for batch in loader]
        return [batch.asnumpy().tolist() for batch in batches]

    assert order(0) == order(3)


def test_batches_of_tuples_are_lists_and_keep_element_types():
    loader = data.DataLoader(data.ArrayDataset(nd.ones((4, 2)), np.arange(4, dtype="int32")), 2)
    x, y = next(iter(loader))
    assert isinstance(x, nd.NDArray) and y.dtype == np.int32 and y.shape == (2,)
    x, y = next(iter(data.DataLoader(Squares(4), 2)))
    assert x.asnumpy().tolist() == [[0, 0], [1, 1]] and y.asnumpy().tolist() == [0, 1]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batchify_of_ones_own_may_return_anything(workers):
    texts = data.SimpleDataset(["a", "bb", "ccc"])
    loader = data.DataLoader(texts, 2, batchify_fn=lambda batch: {"+": "+".join(batch)},
                             num_workers=workers)
    assert list(loader) == [{"+": "a+bb"}, {"+": "ccc"}]


def test_batchify_pads_stacks_and_groups():
    batchify = data.batchify
    padded, lengths = batchify.Pad(val=-1, ret_length=True)([nd.array([1]), nd.array([2, 3])])
    assert padded.asnumpy().tolist() == [[1, -1], [2, 3]] and lengths.asnumpy().tolist() == [1, 2]
    x, y = batchify.Tuple(batchify.Stack(), batchify.Pad())([([1, 2], [1]), ([3, 4], [1, 2])])
    assert x.shape == (2, 2) and y.asnumpy().tolist() == [[1, 0], [1, 2]]
    with pytest.raises(mx.MXNetError):
        batchify.Stack()([nd.ones(2), nd.ones(3)])


@pytest.mark.parametrize("workers", [0, 2])
def test_samplers_of_ones_own_are_taken(workers):
    class Evens(data.Sampler):
        def __iter__(self):
            return iter([0, 2, 4])

        def __len__(self):
            return 3

    samples = data.ArrayDataset(np.arange(6))
    loader = data.DataLoader(samples, 2, sampler=Evens(), num_workers=workers)
    assert len(loader) == 2 and numbers(loader) == [[0, 2], [4]]
    loader = data.DataLoader(samples, batch_sampler=[[5], [1, 2, 3]], num_workers=workers)
    assert numbers(loader) == [[5], [1, 2, 3]]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_data_set_raises_comes_out_as_it_was(workers):
    class Odd(Exception):
        pass

    class Raising(Squares):
        def __getitem__(self, i):
            if i == 3:
                raise Odd("mine")
            return super().__getitem__(i)

    loader = data.DataLoader(Raising(6), 2, num_workers=workers)
    seen = 0
    with pytest.raises(Odd, match="mine"):
        for _ in loader:
            seen += 1
    assert seen == 1
    assert next(iter(loader))[0].shape == (2, 2)


def test_an_iteration_that_is_left_ends_its_threads():
    before = threading.active_count()
    samples = Squares(1000)
    for _ in range(3):
        batches = iter(data.DataLoader(samples, 2, num_workers=3, prefetch=4))
        next(batches)
        del batches
    assert threading.active_count() <= before + 1


@pytest.mark.parametrize("workers", [0, 2])
def test_epochs_of_one_loader_may_run_inside_each_other(workers):
    loader = data.DataLoader(data.SimpleDataset([*"abcd"]), 2, batchify_fn="".join,
                             num_workers=workers)
    assert [(outer, list(loader)) for outer in loader] == [
        ("ab", ["ab", "cd"]), ("cd", ["ab", "cd"])
    ]


def test_samples_that_nobody_took_go_with_their_epoch():
    class Sample:
        pass

    alive = weakref.WeakSet()

    def made(samples):
        batch = Sample()
        alive.add(batch)
        return batch

    loader = data.DataLoader(data.SimpleDataset([*"abcd"]), 1, batchify_fn=made, num_workers=2)
    batches = iter(loader)
    next(batches)
    del batches
    gc.collect()
    assert len(alive) == 0


def test_a_loader_goes_on_at_a_position():
    samples = data.ArrayDataset(np.arange(20))
    mx._gluonic.seed(3)
    loader = data.DataLoader(samples, 3, shuffle=True)
    batches = iter(loader)
    next(batches), next(batches)
    position = loader.position()
    rest = numbers(batches)
    again = data.DataLoader(samples, 3, shuffle=True)
    again.seek(position)
    assert numbers(again) == rest
    with pytest.raises(mx.MXNetError):
        data.DataLoader(samples, 4).seek(position)


@pytest.mark.parametrize(
    "args",
    [{}, {"batch_size": 2, "sampler": [1], "shuffle": True}, {"batch_size": 2, "batch_sampler": []}],
)
def test_contradictions_are_refused(args):
    with pytest.raises(ValueError, match="specified"):
        data.DataLoader(Squares(3), **args)
    with pytest.raises(ValueError):
        data.DataLoader(Squares(3), 0)


def test_an_empty_data_set_has_no_batch():
    assert list(data.DataLoader(Squares(0), 2)) == []
    assert list(data.DataLoader(data.ArrayDataset(np.zeros((0, 2))), 2)) == []


def test_transforms_of_images():
    image = nd.array(np.arange(12).reshape(2, 2, 3), dtype="uint8")
    tensor = transforms.ToTensor()(image)
    assert tensor.shape == (3, 2, 2) and tensor.dtype == np.float32
    np.testing.assert_allclose(tensor.asnumpy()[1], np.array([[1, 4], [7, 10]]) / 255, rtol=1e-6)
    normal = transforms.Normalize((0.0, 1.0, 2.0), (1.0, 2.0, 4.0))(nd.ones((3, 1, 1)))
    np.testing.assert_allclose(normal.asnumpy().ravel(), [1, 0, -0.25])
    assert transforms.CenterCrop(1)(image).shape == (1, 1, 3)
    assert transforms.CenterCrop((2, 1))(image).shape == (1, 2, 3)
    flipped = transforms.RandomFlipLeftRight(p=1.0)(image)
    assert flipped.asnumpy().tolist() == image.asnumpy()[:, ::-1].tolist()
    both = transforms.Compose([transforms.ToTensor(), lambda x: x * 255])
    np.testing.assert_allclose(both(image).asnumpy()[0], [[0, 3], [6, 9]], rtol=1e-6)
    with pytest.raises(NotImplementedError, match="Resize"):
        transforms.Resize


def idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    with gzip.open(path, "wb") as file:
        file.write(head + array.astype("uint8").tobytes())


def test_mnist_is_read_from_a_folder(tmp_path):
    images = np.arange(3 * 28 * 28).reshape(3, 28, 28) % 251
    idx(tmp_path / "train-images-idx3-ubyte.gz", images)
    idx(tmp_path / "train-labels-idx1-ubyte.gz", np.array([5, 0, 4]))
    mnist = data.vision.MNIST(root=str(tmp_path), train=True)
    image, label = mnist[2]
    assert image.shape == (28, 28, 1) and image.dtype == np.uint8
    assert label == 4 and label.dtype == np.int32
    loader = data.DataLoader(mnist.transform_first(transforms.ToTensor()), 2, num_workers=2)
    x, y = next(iter(loader))
    assert x.shape == (2, 1, 28, 28) and y.dtype == np.int32
    np.testing.assert_allclose(x.asnumpy()[1, 0], images[1] / 255, rtol=1e-6)
    changed = data.vision.MNIST(str(tmp_path), transform=lambda x, y: (x, -int(y)))
    assert changed[0][1] == -5


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "CIFAR10", "CIFAR100"])
def test_a_data_set_that_is_not_there_names_the_folder(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="downloads nothing") as raised:
        getattr(data.vision, name)(root=str(tmp_path / "none"))
    assert str(tmp_path / "none") in str(raised.value)


class SoftmaxCE(autograd.Function):
    def forward(self, x, labels):
        x = x.asnumpy()
        e = np.exp(x - x.max(1, keepdims=True))
        self.p = e / e.sum(1, keepdims=True)
        self.labels = labels.asnumpy().astype(int)
        return nd.array(-np.log(self.p[np.arange(len(x)), self.labels]), dtype="float32")

    def backward(self, dy):
        grad = self.p.copy()
        grad[np.arange(len(grad)), self.labels] -= 1
        return nd.array(grad * dy.asnumpy()[:, None], dtype="float32"), nd.zeros(dy.shape)


def test_softmax_regression_learns_the_digits():
    mx._gluonic.seed(1)
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss() if hasattr(gluon, "loss") else SoftmaxCE
    digits = data.vision.Digits()
    train, test = digits.shard(2, 0), digits.shard(2, 1)
    loaders = [data.DataLoader(part, 64, shuffle=part is train) for part in (train, test)]
    net = nn.Sequential()
    net.add(nn.Dense(10))
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    for _ in range(15):
        for x, y in loaders[0]:
            with autograd.record():
                out = net(x)
                loss = loss_of(out, y) if hasattr(gluon, "loss") else loss_of()(out, y)
            loss.backward()
            trainer.step(x.shape[0])
    accuracy = metric.Accuracy()
    for x, y in loaders[1]:
        accuracy.update(y, net(x))
    assert accuracy.get()[1] > 0.9


@pytest.mark.parametrize(
    "handle, epochs",
    # Measured.
    [
        ("pad", [[([0, 2], 0), ([4, 6], 0), ([8, 0], 1)]] * 2),
        ("discard", [[([0, 2], 0), ([4, 6], 0)]] * 2),
        ("roll_over", [[([0, 2], 0), ([4, 6], 0)], [([8, 0], 1), ([2, 4], 0), ([6, 8], 0)]]),
    ],
)
def test_the_older_iterator_fills_its_last_batch_as_mxnet_does(handle, epochs):
    x = np.arange(10).reshape(5, 2)
    batches = mx.io.NDArrayIter(x, np.arange(5), 2, last_batch_handle=handle)
    for expected in epochs:
        found = [(batch.data[0].asnumpy()[:, 0].tolist(), batch.pad) for batch in batches]
        assert found == expected
        batches.reset()
    assert str(batches.provide_data) == "[DataDesc[data,(2, 2),<class 'numpy.float32'>,NCHW]]"


def test_the_older_iterator_takes_dicts_and_lists():
    x = np.arange(10).reshape(5, 2)
    batch = mx.io.NDArrayIter({"a": x, "b": x * 2}, None, 3).next()
    assert str(batch) == "DataBatch: data shapes: [(3, 2), (3, 2)] label shapes: None"
    names = [desc.name for desc in mx.io.NDArrayIter([x, x], batch_size=3).provide_data]
    assert names == ["_0_data", "_1_data"]
    with pytest.raises(TypeError, match="Input must be NDArray"):
        mx.io.NDArrayIter("a")
