"""Normalization."""

import numpy as _np

from ... import _gluonic
from .._layer_block import _LayerBlock

__all__ = [
    "BatchNorm",
    "BatchNormReLU",
    "GroupNorm",
    "InstanceNorm",
    "LayerNorm",
    "RMSNorm",
    "SyncBatchNorm",
]


class BatchNorm(_LayerBlock):
    """Normalizes each channel: in training by the mean and variance of the batch, in prediction by
    running ones, which each forward in training moves towards them.

    >>> BatchNorm(in_channels=3)
    BatchNorm(axis=1, eps=1e-05, momentum=0.9, fix_gamma=False, use_global_stats=False, \
in_channels=3)
    """

    _dtype_as_printed = _np.float32

    def __init__(
        self,
        axis=1,
        momentum=0.9,
        epsilon=1e-5,
        center=True,
        scale=True,
        use_global_stats=False,
        beta_initializer="zeros",
        gamma_initializer="ones",
        running_mean_initializer="zeros",
        running_variance_initializer="ones",
        in_channels=0,
        **kwargs,
    ):
        layer = _gluonic.batch_norm_layer(
            self._naming(**kwargs),
            axis,
            momentum,
            epsilon,
            center,
            scale,
            use_global_stats,
            beta_initializer,
            gamma_initializer,
            running_mean_initializer,
            running_variance_initializer,
            in_channels,
        )
        super().__init__(layer)
        self._note_initializers(
            gamma=gamma_initializer,
            beta=beta_initializer,
            running_mean=running_mean_initializer,
            running_var=running_variance_initializer,
        )
        self._kwargs = {
            "axis": axis,
            "eps": epsilon,
            "momentum": momentum,
            "fix_gamma": not scale,
            "use_global_stats": use_global_stats,
        }


class BatchNormReLU(BatchNorm):
    """`BatchNorm`, and `max(y, 0)` of its output."""

    def forward(self, x):
        """Normalizes, and sets what is below 0 to 0."""
        return _gluonic.activate(super().forward(x), "relu")


class SyncBatchNorm(BatchNorm):
    """`BatchNorm` under the name that several devices have for it: each device normalizes its own
    batch."""

    def __init__(self, in_channels=0, num_devices=None, momentum=0.9, epsilon=1e-5, **kwargs):
        super().__init__(
            momentum=momentum, epsilon=epsilon, in_channels=in_channels, **kwargs
        )
        self._num_devices = num_devices


def _norm(self, kind, axis, groups, epsilon, center, scale, beta, gamma, channels, **kwargs):
    return _gluonic.norm_layer(
        self._naming(**kwargs), kind, axis, groups, epsilon, center, scale, beta, gamma, channels
    )


class LayerNorm(_LayerBlock):
    """Normalizes each sample along an axis.

    >>> LayerNorm(in_channels=2)
    LayerNorm(eps=1e-05, axis=-1, center=True, scale=True, in_channels=2)
    """

    _dtype_as_printed = _np.float32

    def __init__(
        self,
        axis=-1,
        epsilon=1e-5,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        in_channels=0,
        prefix=None,
        params=None,
    ):
        layer = _norm(
            self,
            "LayerNorm",
            axis,
            1,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            in_channels,
            prefix=prefix,
            params=params,
        )
        super().__init__(layer)
        self._kwargs = {"eps": epsilon, "axis": axis, "center": center, "scale": scale}


class InstanceNorm(_LayerBlock):
    """Normalizes each channel of each sample."""

    _dtype_as_printed = _np.float32

    def __init__(
        self,
        axis=1,
        epsilon=1e-5,
        center=True,
        scale=False,
        beta_initializer="zeros",
        gamma_initializer="ones",
        in_channels=0,
        **kwargs,
    ):
        layer = _norm(
            self,
            "InstanceNorm",
            axis,
            1,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            in_channels,
            **kwargs,
        )
        super().__init__(layer)
        self._kwargs = {"eps": epsilon, "axis": axis, "center": center, "scale": scale}


class GroupNorm(_LayerBlock):
    """Normalizes each of `num_groups` groups of channels of each sample."""

    _dtype_as_printed = _np.float32

    def __init__(
        self,
        num_groups=1,
        epsilon=1e-5,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        prefix=None,
        params=None,
    ):
        layer = _norm(
            self,
            "GroupNorm",
            None,
            num_groups,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            0,
            prefix=prefix,
            params=params,
        )
        super().__init__(layer)
        self._num_groups = num_groups
        self._kwargs = {
            "eps": epsilon,
            "num_groups": num_groups,
            "center": center,
            "scale": scale,
        }


class RMSNorm(_LayerBlock):
    """Divides each sample by its root mean square along an axis, times a learned gamma.

    >>> RMSNorm(in_channels=2)
    RMSNorm(eps=1e-05, axis=-1, scale=True, in_channels=2)
    """

    def __init__(
        self,
        axis=-1,
        epsilon=1e-5,
        scale=True,
        gamma_initializer="ones",
        in_channels=0,
        **kwargs,
    ):
        layer = _norm(
            self,
            "RMSNorm",
            axis,
            1,
            epsilon,
            True,
            scale,
            "zeros",
            gamma_initializer,
            in_channels,
            **kwargs,
        )
        super().__init__(layer)
