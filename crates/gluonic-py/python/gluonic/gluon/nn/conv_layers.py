"""Convolution, pooling, and layers that put the elements of images elsewhere."""

import numpy as _np

from ... import _gluonic
from ..block import _ActivatedBlock, _LayerBlock

__all__ = [
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "PixelShuffle1D",
    "PixelShuffle2D",
    "PixelShuffle3D",
    "ReflectionPad2D",
]


def _each(number, axes):
    """A setting of each axis, as a tuple."""
    return (number,) * axes if isinstance(number, int) else tuple(number)


class _Conv(_ActivatedBlock):
    """What convolutions have in common."""

    _base = "_Conv"

    _dtype_as_printed = _np.float32

    _kind = ""
    _axes = 0

    def __init__(
        self,
        channels,
        kernel_size,
        strides,
        padding,
        output_padding,
        dilation,
        groups,
        layout,
        activation,
        use_bias,
        weight_initializer,
        bias_initializer,
        in_channels,
        **kwargs,
    ):
        if not isinstance(kernel_size, int) and len(kernel_size) != self._axes:
            raise AssertionError(
                f"kernel_size must be a number or a list of {self._axes} ints"
            )
        layer = _gluonic.conv_layer(
            self._naming(**kwargs),
            self._kind,
            channels,
            kernel_size,
            strides,
            padding,
            output_padding,
            dilation,
            groups,
            layout,
            activation,
            use_bias,
            weight_initializer,
            bias_initializer,
            in_channels,
        )
        super().__init__(layer)
        self._note_initializers(weight=weight_initializer, bias=bias_initializer)
        self._note_lists(
            kernel_size=kernel_size,
            stride=strides,
            padding=padding,
            dilation=dilation,
            output_padding=output_padding,
        )
        self._channels = channels
        self._in_channels = in_channels
        self._kwargs = {
            "kernel": _each(kernel_size, self._axes),
            "stride": _each(strides, self._axes),
            "dilate": _each(dilation, self._axes),
            "pad": _each(padding, self._axes),
            "num_filter": channels,
            "num_group": groups,
            "no_bias": not use_bias,
            "layout": layout,
        }
        if not use_bias:
            self.bias = None

    def _alias(self):
        return "conv"


class Conv1D(_Conv):
    """A convolution along one axis."""

    _kind = "Conv1D"
    _axes = 1

    def __init__(
        self,
        channels,
        kernel_size,
        strides=1,
        padding=0,
        dilation=1,
        groups=1,
        layout="NCW",
        activation=None,
        use_bias=True,
        weight_initializer=None,
        bias_initializer="zeros",
        in_channels=0,
        **kwargs,
    ):
        super().__init__(
            channels,
            kernel_size,
            strides,
            padding,
            0,
            dilation,
            groups,
            layout,
            activation,
            use_bias,
            weight_initializer,
            bias_initializer,
            in_channels,
            **kwargs,
        )


class Conv2D(_Conv):
    """A convolution of images: `(batch, in_channels, height, width)` gives
    `(batch, channels, …, …)`. `in_channels` may be left out: the first forward tells it.

    >>> Conv2D(2, kernel_size=3, in_channels=1)
    Conv2D(1 -> 2, kernel_size=(3, 3), stride=(1, 1))
    """

    _kind = "Conv2D"
    _axes = 2

    def __init__(
        self,
        channels,
        kernel_size,
        strides=(1, 1),
        padding=(0, 0),
        dilation=(1, 1),
        groups=1,
        layout="NCHW",
        activation=None,
        use_bias=True,
        weight_initializer=None,
        bias_initializer="zeros",
        in_channels=0,
        **kwargs,
    ):
        super().__init__(
            channels,
            kernel_size,
            strides,
            padding,
            0,
            dilation,
            groups,
            layout,
            activation,
            use_bias,
            weight_initializer,
            bias_initializer,
            in_channels,
            **kwargs,
        )


class Conv3D(_Conv):
    """A convolution of volumes."""

    _kind = "Conv3D"
    _axes = 3

    def __init__(
        self,
        channels,
        kernel_size,
        strides=(1, 1, 1),
        padding=(0, 0, 0),
        dilation=(1, 1, 1),
        groups=1,
        layout="NCDHW",
        activation=None,
        use_bias=True,
        weight_initializer=None,
        bias_initializer="zeros",
        in_channels=0,
        **kwargs,
    ):
        super().__init__(
            channels,
            kernel_size,
            strides,
            padding,
            0,
            dilation,
            groups,
            layout,
            activation,
            use_bias,
            weight_initializer,
            bias_initializer,
            in_channels,
            **kwargs,
        )


class Conv1DTranspose(_Conv):
    """A transposed convolution along one axis."""

    _kind = "Conv1DTranspose"
    _axes = 1

    def __init__(
        self,
        channels,
        kernel_size,
        strides=1,
        padding=0,
        output_padding=0,
        dilation=1,
        groups=1,
        layout="NCW",
        activation=None,
        use_bias=True,
        weight_initializer=None,
        bias_initializer="zeros",
        in_channels=0,
        **kwargs,
    ):
        super().__init__(
            channels,
            kernel_size,
            strides,
            padding,
            output_padding,
            dilation,
            groups,
            layout,
            activation,
            use_bias,
            weight_initializer,
            bias_initializer,
            in_channels,
            **kwargs,
        )


class Conv2DTranspose(_Conv):
    """A transposed convolution of images."""

    _kind = "Conv2DTranspose"
    _axes = 2

    def __init__(
        self,
        channels,
        kernel_size,
        strides=(1, 1),
        padding=(0, 0),
        output_padding=(0, 0),
        dilation=(1, 1),
        groups=1,
        layout="NCHW",
        activation=None,
        use_bias=True,
        weight_initializer=None,
        bias_initializer="zeros",
        in_channels=0,
        **kwargs,
    ):
        super().__init__(
            channels,
            kernel_size,
            strides,
            padding,
            output_padding,
            dilation,
            groups,
            layout,
            activation,
            use_bias,
            weight_initializer,
            bias_initializer,
            in_channels,
            **kwargs,
        )


class Conv3DTranspose(_Conv):
    """A transposed convolution of volumes."""

    _kind = "Conv3DTranspose"
    _axes = 3

    def __init__(
        self,
        channels,
        kernel_size,
        strides=(1, 1, 1),
        padding=(0, 0, 0),
        output_padding=(0, 0, 0),
        dilation=(1, 1, 1),
        groups=1,
        layout="NCDHW",
        activation=None,
        use_bias=True,
        weight_initializer=None,
        bias_initializer="zeros",
        in_channels=0,
        **kwargs,
    ):
        super().__init__(
            channels,
            kernel_size,
            strides,
            padding,
            output_padding,
            dilation,
            groups,
            layout,
            activation,
            use_bias,
            weight_initializer,
            bias_initializer,
            in_channels,
            **kwargs,
        )


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
        self,
        pool_size=2,
        strides=None,
        padding=0,
        layout="NCW",
        ceil_mode=False,
        **kwargs,
    ):
        super().__init__(pool_size, strides, padding, layout, ceil_mode, **kwargs)


class MaxPool2D(_Pool):
    """The largest element under each window, of images."""

    _kind = "MaxPool2D"
    _axes = 2

    def __init__(
        self,
        pool_size=(2, 2),
        strides=None,
        padding=0,
        layout="NCHW",
        ceil_mode=False,
        **kwargs,
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

    def __init__(self, layout, **kwargs):
        super().__init__(_gluonic.global_pool_layer(self._naming(**kwargs), self._kind, layout))
        self._kwargs = {"global_pool": True, "layout": layout}

    def _alias(self):
        return "pool"


class GlobalMaxPool1D(_GlobalPool):
    """The largest element of each channel, along one axis."""

    _kind = "GlobalMaxPool1D"

    def __init__(self, layout="NCW", **kwargs):
        super().__init__(layout, **kwargs)


class GlobalMaxPool2D(_GlobalPool):
    """The largest element of each channel, of images."""

    _kind = "GlobalMaxPool2D"

    def __init__(self, layout="NCHW", **kwargs):
        super().__init__(layout, **kwargs)


class GlobalMaxPool3D(_GlobalPool):
    """The largest element of each channel, of volumes."""

    _kind = "GlobalMaxPool3D"

    def __init__(self, layout="NCDHW", **kwargs):
        super().__init__(layout, **kwargs)


class GlobalAvgPool1D(_GlobalPool):
    """The mean of each channel, along one axis."""

    _kind = "GlobalAvgPool1D"

    def __init__(self, layout="NCW", **kwargs):
        super().__init__(layout, **kwargs)


class GlobalAvgPool2D(_GlobalPool):
    """The mean of each channel, of images."""

    _kind = "GlobalAvgPool2D"

    def __init__(self, layout="NCHW", **kwargs):
        super().__init__(layout, **kwargs)


class GlobalAvgPool3D(_GlobalPool):
    """The mean of each channel, of volumes."""

    _kind = "GlobalAvgPool3D"

    def __init__(self, layout="NCDHW", **kwargs):
        super().__init__(layout, **kwargs)


class ReflectionPad2D(_LayerBlock):
    """Images with a border in which they are mirrored: of one width, or of eight widths, two for
    each axis, of which the first four are 0."""

    def __init__(self, padding=0, **kwargs):
        if isinstance(padding, int):
            padding = (0, 0, 0, 0, padding, padding, padding, padding)
        if len(padding) != 8:
            raise AssertionError("padding must be a number or eight of them")
        if any(padding[:4]):
            raise ValueError("images cannot be padded along batch and channels")
        layer = _gluonic.reflection_pad_layer(
            self._naming(**kwargs), tuple(padding[4:6]), tuple(padding[6:])
        )
        super().__init__(layer)
        self._padding = padding


class _PixelShuffle(_LayerBlock):
    """What turns channels into pixels."""

    _axes = 0

    def __init__(self, factor):
        factors = _each(factor, self._axes)
        if len(factors) != self._axes:
            raise AssertionError(f"wrong length {len(factors)}")
        super().__init__(_gluonic.pixel_shuffle_layer(self._naming(), list(factors)))
        self._factors = factors if self._axes > 1 else factors[0]


class PixelShuffle1D(_PixelShuffle):
    """Channels laid out as pixels, along one axis."""

    _axes = 1


class PixelShuffle2D(_PixelShuffle):
    """Channels laid out as pixels, of images."""

    _axes = 2


class PixelShuffle3D(_PixelShuffle):
    """Channels laid out as pixels, of volumes."""

    _axes = 3
