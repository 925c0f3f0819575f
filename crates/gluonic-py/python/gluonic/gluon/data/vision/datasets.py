"""Data sets of images. They are read from a folder; nothing is downloaded."""

import os

from .... import _gluonic
from ..dataset import Dataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "Digits",
    "FashionMNIST",
    "ImageFolderDataset",
    "ImageRecordDataset",
]


class _Images(Dataset):
    """Images and labels that gluonic has read."""

    def __init__(self, native, transform):
        images, labels = native.batch(list(range(len(native))))
        self._transform = transform
        self._data = images
        self._label = labels.asnumpy().astype("int32")

    def __len__(self):
        return len(self._label)

    def __getitem__(self, idx):
        sample = self._data[idx], self._label[idx]
        return sample if self._transform is None else self._transform(*sample)

    def _native(self):
        if self._transform is not None:
            return None
        return _gluonic._Data.rows([self._data, _gluonic.array(self._label, "int32", None)])


def _read(what, folder, files, read):
    folder = os.path.expanduser(folder)
    try:
        return read(folder)
    except _gluonic.MXNetError as error:
        if "No such file" not in str(error):
            raise
        raise FileNotFoundError(
            f"{what} is not in the folder {folder}: gluonic downloads nothing\n"
            f"put {files} there, or give another folder as root"
        ) from None


_MNIST_FILES = "its four files (train-images-idx3-ubyte.gz and so on)"


class MNIST(_Images):
    """Handwritten digits: images `(28, 28, 1)` of uint8, and labels from 0 to 9."""

    _what = "MNIST"

    def __init__(self, root="~/.mxnet/datasets/mnist", train=True, transform=None):
        read = _read(self._what, root, _MNIST_FILES, lambda path: _gluonic._Data.mnist(path, train))
        super().__init__(read, transform)


class FashionMNIST(MNIST):
    """Pieces of clothing, in the form of MNIST."""

    _what = "FashionMNIST"

    def __init__(self, root="~/.mxnet/datasets/fashion-mnist", train=True, transform=None):
        super().__init__(root, train, transform)


class CIFAR10(_Images):
    """Small photos of ten kinds of things: images `(32, 32, 3)` of uint8, and labels."""

    def __init__(self, root="~/.mxnet/datasets/cifar10", train=True, transform=None):
        files = "the files of its binary version (data_batch_1.bin and so on)"
        read = _read("CIFAR10", root, files, lambda path: _gluonic._Data.cifar10(path, train))
        super().__init__(read, transform)


class CIFAR100(_Images):
    """As CIFAR10, of a hundred kinds with `fine_label`, of twenty groups of them without."""

    def __init__(
        self, root="~/.mxnet/datasets/cifar100", fine_label=False, train=True, transform=None
    ):
        files = "the files of its binary version (train.bin and test.bin)"
        read = _read(
            "CIFAR100", root, files, lambda path: _gluonic._Data.cifar100(path, train, fine_label)
        )
        super().__init__(read, transform)


class Digits(_Images):
    """1,797 handwritten digits that are part of gluonic: images `(1, 8, 8)` of float32 from 0 to 1,
    and labels from 0 to 9.

    >>> image, label = Digits()[0]
    >>> image.shape, int(label)
    ((1, 8, 8), 0)
    """

    def __init__(self, transform=None):
        super().__init__(_gluonic._Data.digits(), transform)


class ImageFolderDataset(Dataset):
    """Refused: files of images are not decoded."""

    def __init__(self, root, flag=1, transform=None):
        raise NotImplementedError(
            f"files of images are not decoded: {root}\nread them with another library, and give "
            "arrays to ArrayDataset"
        )


class ImageRecordDataset(Dataset):
    """Refused: files of MXNet's RecordIO are not read."""

    def __init__(self, filename, flag=1, transform=None):
        raise NotImplementedError(
            f"RecordIO files are not supported: {filename}\nread the samples into arrays"
        )
