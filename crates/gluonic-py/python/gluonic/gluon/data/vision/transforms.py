"""What is done to images: blocks that are called with one."""

from .... import _gluonic
from ...block import Block

__all__ = [
    "Cast",
    "CenterCrop",
    "Compose",
    "Normalize",
    "RandomCrop",
    "RandomFlipLeftRight",
    "RandomFlipTopBottom",
    "ToTensor",
]


class _Transform(Block):
    """A transform of gluonic."""

    def __init__(self, native):
        super().__init__()
        self._native_form = native

    def forward(self, x):
        """The changed image."""
        return self._native_form.apply(x)

    def _native_transform(self):
        return self._native_form if type(self).forward is _Transform.forward else None


class Compose(Block):
    """Transforms one after another.

    >>> Compose([Cast("float32"), Normalize(1.0, 2.0)])(nd.ones((1, 2, 2))).sum().asscalar()
    0.0
    """

    def __init__(self, transforms):
        super().__init__()
        self._transforms = list(transforms)
        for transform in self._transforms:
            if isinstance(transform, Block):
                self.register_child(transform)

    def forward(self, x, *args):
        """The image, changed by each."""
        for transform in self._transforms:
            x = transform(x)
        return (x, *args) if args else x

    def _native_transform(self):
        parts = [getattr(one, "_native_transform", lambda: None)() for one in self._transforms]
        if any(part is None for part in parts):
            return None
        return _gluonic._Transform.compose(parts)


class ToTensor(_Transform):
    """An image of height, width and channels from 0 to 255 as one of channels, height and width
    from 0 to 1."""

    def __init__(self):
        super().__init__(_gluonic._Transform.to_tensor())


class Normalize(_Transform):
    """Each channel minus a mean, divided by a standard deviation."""

    def __init__(self, mean=0.0, std=1.0):
        super().__init__(_gluonic._Transform.normalize(_numbers(mean), _numbers(std)))


class Cast(_Transform):
    """The elements in another type."""

    def __init__(self, dtype="float32"):
        super().__init__(_gluonic._Transform.cast(dtype))


class CenterCrop(_Transform):
    """The part of a size (a number, or width and height) in the middle of an image."""

    def __init__(self, size, interpolation=1):
        width, height = _size(size)
        super().__init__(_gluonic._Transform.center_crop(height, width))


class RandomCrop(_Transform):
    """A part of a size at a random place, of the image with `pad` zeros on each side."""

    def __init__(self, size, pad=None, interpolation=1):
        width, height = _size(size)
        super().__init__(_gluonic._Transform.random_crop(height, width, pad or 0))


class RandomFlipLeftRight(_Transform):
    """The image, mirrored with the probability `p`."""

    def __init__(self, p=0.5):
        super().__init__(_gluonic._Transform.flip_left_right(p))


class RandomFlipTopBottom(_Transform):
    """The image, upside down with the probability `p`."""

    def __init__(self, p=0.5):
        super().__init__(_gluonic._Transform.flip_top_bottom(p))


def _numbers(value):
    return [float(value)] if isinstance(value, (int, float)) else [float(one) for one in value]


def _size(size):
    return (size, size) if isinstance(size, int) else size


def __getattr__(name):
    known = (
        "CropResize RandomApply RandomBrightness RandomColorJitter RandomContrast RandomGray "
        "RandomHue RandomLighting RandomResizedCrop RandomRotation RandomSaturation Resize Rotate"
    ).split()
    if name in known:
        raise NotImplementedError(
            f"the transform {name} is not supported\nthere are {', '.join(__all__)}"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
