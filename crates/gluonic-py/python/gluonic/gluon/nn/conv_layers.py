"""Convolutions, and layers that put the elements of images elsewhere."""

import numpy as _np

from ... import _gluonic
from .._defaults import with_defaults
from .._layer_block import _ActivatedBlock, _LayerBlock
from . import pool_layers
from .pool_layers import *
from .pool_layers import _each

__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "PixelShuffle1D",
    "PixelShuffle2D",
    "PixelShuffle3D",
    "ReflectionPad2D",
]
__all__ += pool_layers.__all__


class _Conv(_ActivatedBlock):
    """A convolution, with the defaults of one along one axis."""

    _dtype_as_printed = _np.float32

    _kind = ""
    _axes = 0
    _output_padding = 0
    _base = "_Conv"

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
        if not isinstance(kernel_size, int) and len(kernel_size) != self._axes:
            raise AssertionError(f"kernel_size must be a number or a list of {self._axes} ints")
        layer = _gluonic.conv_layer(
            self._naming(**kwargs),
            self._kind,
            channels,
            kernel_size,
            strides,
            padding,
            self._output_padding,
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
            kernel_size=kernel_size, stride=strides, padding=padding, dilation=dilation
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


@with_defaults()
class Conv1D(_Conv):
    """A convolution along one axis."""

    _kind = "Conv1D"
    _axes = 1


@with_defaults(strides=(1, 1), padding=(0, 0), dilation=(1, 1), layout="NCHW")
class Conv2D(_Conv):
    """A convolution of images: `(batch, in_channels, height, width)` gives
    `(batch, channels, …, …)`. `in_channels` may be left out: the first forward tells it.

    >>> Conv2D(2, kernel_size=3, in_channels=1)
    Conv2D(1 -> 2, kernel_size=(3, 3), stride=(1, 1))
    """

    _kind = "Conv2D"
    _axes = 2


@with_defaults(strides=(1, 1, 1), padding=(0, 0, 0), dilation=(1, 1, 1), layout="NCDHW")
class Conv3D(_Conv):
    """A convolution of volumes."""

    _kind = "Conv3D"
    _axes = 3


class _ConvTranspose(_Conv):
    """A transposed convolution, with the defaults of one along one axis."""

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
        self._output_padding = output_padding
        super().__init__(
            channels,
            kernel_size,
            strides,
            padding,
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


@with_defaults()
class Conv1DTranspose(_ConvTranspose):
    """A transposed convolution along one axis."""

    _kind = "Conv1DTranspose"
    _axes = 1


@with_defaults(
    strides=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1), layout="NCHW"
)
class Conv2DTranspose(_ConvTranspose):
    """A transposed convolution of images."""

    _kind = "Conv2DTranspose"
    _axes = 2


@with_defaults(
    strides=(1, 1, 1),
    padding=(0, 0, 0),
    output_padding=(0, 0, 0),
    dilation=(1, 1, 1),
    layout="NCDHW",
)
class Conv3DTranspose(_ConvTranspose):
    """A transposed convolution of volumes."""

    _kind = "Conv3DTranspose"
    _axes = 3


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
