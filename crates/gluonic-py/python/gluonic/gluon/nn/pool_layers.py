"""Pooling: of the elements under each window, or of each channel as a whole."""

from ... import _gluonic
from .._defaults import with_defaults
from .._layer_block import _LayerBlock

__all__ = [
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
]


def _each(number, axes):
    """A setting of each axis, as a tuple."""
    return (number,) * axes if isinstance(number, int) else tuple(number)


class _Pool(_LayerBlock):
    """What pooling layers have in common."""

    _kind = ""
    _axes = 0

    def __init__(
        self, pool_size, strides, padding, layout, ceil_mode, count_include_pad=True, **kwargs
    ):
        layer = _gluonic.pool_layer(
            self._naming(**kwargs),
            self._kind,
            pool_size,
            strides,
            padding,
            ceil_mode,
            count_include_pad,
            layout,
        )
        super().__init__(layer)
        self._note_lists(size=pool_size, stride=strides, padding=padding)
        self._kwargs = {
            "kernel": _each(pool_size, self._axes),
            "stride": _each(pool_size if strides is None else strides, self._axes),
            "pad": _each(padding, self._axes),
            "global_pool": False,
            "layout": layout,
        }

    def _alias(self):
        return "pool"


class MaxPool1D(_Pool):
    """The largest element under each window, along one axis."""

    _kind = "MaxPool1D"
    _axes = 1

    def __init__(
        self, pool_size=2, strides=None, padding=0, layout="NCW", ceil_mode=False, **kwargs
    ):
        super().__init__(pool_size, strides, padding, layout, ceil_mode, **kwargs)


class MaxPool2D(_Pool):
    """The largest element under each window, of images."""

    _kind = "MaxPool2D"
    _axes = 2

    def __init__(
        self, pool_size=(2, 2), strides=None, padding=0, layout="NCHW", ceil_mode=False, **kwargs
    ):
        super().__init__(pool_size, strides, padding, layout, ceil_mode, **kwargs)


class MaxPool3D(_Pool):
    """The largest element under each window, of volumes."""

    _kind = "MaxPool3D"
    _axes = 3

    def __init__(
        self,
        pool_size=(2, 2, 2),
        strides=None,
        padding=0,
        ceil_mode=False,
        layout="NCDHW",
        **kwargs,
    ):
        super().__init__(pool_size, strides, padding, layout, ceil_mode, **kwargs)


class AvgPool1D(_Pool):
    """The mean under each window, along one axis."""

    _kind = "AvgPool1D"
    _axes = 1

    def __init__(
        self,
        pool_size=2,
        strides=None,
        padding=0,
        layout="NCW",
        ceil_mode=False,
        count_include_pad=True,
        **kwargs,
    ):
        super().__init__(pool_size, strides, padding, layout, ceil_mode, count_include_pad, **kwargs)


class AvgPool2D(_Pool):
    """The mean under each window, of images."""

    _kind = "AvgPool2D"
    _axes = 2

    def __init__(
        self,
        pool_size=(2, 2),
        strides=None,
        padding=0,
        ceil_mode=False,
        layout="NCHW",
        count_include_pad=True,
        **kwargs,
    ):
        super().__init__(pool_size, strides, padding, layout, ceil_mode, count_include_pad, **kwargs)


class AvgPool3D(_Pool):
    """The mean under each window, of volumes."""

    _kind = "AvgPool3D"
    _axes = 3

    def __init__(
        self,
        pool_size=(2, 2, 2),
        strides=None,
        padding=0,
        ceil_mode=False,
        layout="NCDHW",
        count_include_pad=True,
        **kwargs,
    ):
        super().__init__(pool_size, strides, padding, layout, ceil_mode, count_include_pad, **kwargs)


class _GlobalPool(_LayerBlock):
    """What layers that pool each channel as a whole have in common."""

    _kind = ""

    def __init__(self, layout="NCW", **kwargs):
        super().__init__(_gluonic.global_pool_layer(self._naming(**kwargs), self._kind, layout))
        self._kwargs = {"global_pool": True, "layout": layout}

    def _alias(self):
        return "pool"


@with_defaults()
class GlobalMaxPool1D(_GlobalPool):
    """The largest element of each channel, along one axis."""

    _kind = "GlobalMaxPool1D"


@with_defaults(layout="NCHW")
class GlobalMaxPool2D(_GlobalPool):
    """The largest element of each channel, of images."""

    _kind = "GlobalMaxPool2D"


@with_defaults(layout="NCDHW")
class GlobalMaxPool3D(_GlobalPool):
    """The largest element of each channel, of volumes."""

    _kind = "GlobalMaxPool3D"


@with_defaults()
class GlobalAvgPool1D(_GlobalPool):
    """The mean of each channel, along one axis."""

    _kind = "GlobalAvgPool1D"


@with_defaults(layout="NCHW")
class GlobalAvgPool2D(_GlobalPool):
    """The mean of each channel, of images."""

    _kind = "GlobalAvgPool2D"


@with_defaults(layout="NCDHW")
class GlobalAvgPool3D(_GlobalPool):
    """The mean of each channel, of volumes."""

    _kind = "GlobalAvgPool3D"
