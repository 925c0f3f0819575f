"""What layers compute, as functions of `mx.nd`."""

from .._gluonic import MXNetError, ops
from ._function import finish

__all__ = [
    "BatchNorm",
    "Convolution",
    "Deconvolution",
    "Dropout",
    "FullyConnected",
    "GroupNorm",
    "InstanceNorm",
    "L2Normalization",
    "LayerNorm",
    "Pooling",
    "SoftmaxActivation",
    "UpSampling",
    "log_softmax",
    "softmax",
    "softmax_cross_entropy",
    "softmin",
]


def FullyConnected(
    data=None,
    weight=None,
    bias=None,
    num_hidden=None,
    no_bias=False,
    flatten=True,
    out=None,
    name=None,
    **_,
):
    """`data · weightᵀ + bias`, of all axes but the first as one, or of the last if not `flatten`."""
    bias = None if no_bias else bias
    return finish(ops.dense(data, weight, bias, num_hidden, bool(flatten)), out)


def Convolution(
    data=None,
    weight=None,
    bias=None,
    kernel=(),
    stride=(),
    dilate=(),
    pad=(),
    num_filter=None,
    num_group=1,
    workspace=1024,
    no_bias=False,
    cudnn_tune=None,
    cudnn_off=False,
    layout=None,
    out=None,
    name=None,
    **_,
):
    """The convolution of `data` (batch, channels, …) with `weight` (filters, channels / groups,
    *kernel)."""
    bias = None if no_bias else bias
    result = ops.conv(
        data, weight, bias, kernel, num_filter, stride, pad, dilate, num_group, layout
    )
    return finish(result, out)


def Deconvolution(
    data=None,
    weight=None,
    bias=None,
    kernel=(),
    stride=(),
    dilate=(),
    pad=(),
    adj=(),
    target_shape=None,
    num_filter=None,
    num_group=1,
    workspace=512,
    no_bias=True,
    cudnn_tune=None,
    cudnn_off=False,
    layout=None,
    out=None,
    name=None,
    **_,
):
    """The transposed convolution of `data` (batch, channels, …) with `weight` (channels,
    filters / groups, *kernel)."""
    if target_shape:
        raise NotImplementedError("target_shape is not supported; pad and adj are")
    bias = None if no_bias else bias
    result = ops.conv_transpose(data, weight, bias, stride, pad, adj, dilate, num_group, layout)
    return finish(result, out)


def Pooling(
    data=None,
    kernel=(),
    pool_type="max",
    global_pool=False,
    cudnn_off=False,
    pooling_convention="valid",
    stride=(),
    pad=(),
    p_value=2,
    count_include_pad=True,
    layout=None,
    out=None,
    name=None,
    **_,
):
    """The largest element (`max`), the mean (`avg`), the sum or the norm (`lp`, of power `p_value`)
    under each window; of each channel if `global_pool`."""
    if pooling_convention not in ("valid", "full"):
        raise NotImplementedError(
            f"pooling_convention {pooling_convention!r} is not supported; 'valid' and 'full' are"
        )
    full = pooling_convention == "full"
    include = count_include_pad is None or bool(count_include_pad)
    result = ops.pool(
        data, pool_type, kernel, bool(global_pool), stride, pad, full, include, p_value or 2, layout
    )
    return finish(result, out)


def BatchNorm(
    data=None,
    gamma=None,
    beta=None,
    moving_mean=None,
    moving_var=None,
    eps=1e-3,
    momentum=0.9,
    fix_gamma=True,
    use_global_stats=False,
    output_mean_var=False,
    axis=1,
    cudnn_off=False,
    out=None,
    name=None,
    **_,
):
    """`gamma * (data - mean) / sqrt(var + eps) + beta` for each channel: by `moving_mean` and
    `moving_var`, or in training by the mean and variance of the batch, which then become part of
    the moving ones. With `fix_gamma`, gamma counts as 1."""
    if output_mean_var:
        raise NotImplementedError("output_mean_var is not supported; nd.moments is")
    result = ops.batch_norm(
        data,
        gamma,
        beta,
        moving_mean,
        moving_var,
        eps,
        momentum,
        bool(fix_gamma),
        bool(use_global_stats),
        axis,
    )
    return finish(result, out)


def LayerNorm(
    data=None,
    gamma=None,
    beta=None,
    axis=-1,
    eps=1e-5,
    output_mean_var=False,
    out=None,
    name=None,
    **_,
):
    """`gamma * (data - mean) / sqrt(var + eps) + beta`, by mean and variance along an axis."""
    if output_mean_var:
        raise NotImplementedError("output_mean_var is not supported; nd.moments is")
    return finish(ops.layer_norm(data, gamma, beta, axis, eps), out)


def GroupNorm(
    data=None,
    gamma=None,
    beta=None,
    num_groups=1,
    eps=1e-5,
    output_mean_var=False,
    out=None,
    name=None,
    **_,
):
    """As `LayerNorm`, by mean and variance of each group of channels. `gamma` and `beta` have an
    element for each group."""
    if output_mean_var:
        raise NotImplementedError("output_mean_var is not supported; nd.moments is")
    for word, array in (("gamma", gamma), ("beta", beta)):
        if array.shape != (num_groups,):
            raise MXNetError(
                f"MXNetError: Check failed: {word} of GroupNorm must have shape ({num_groups},), "
                f"found {array.shape}"
            )
    return finish(ops.group_norm(data, gamma, beta, num_groups, eps), out)


def InstanceNorm(data=None, gamma=None, beta=None, eps=1e-3, out=None, name=None, **_):
    """As `LayerNorm`, by mean and variance of each channel of each sample."""
    return finish(ops.instance_norm(data, gamma, beta, eps), out)


def L2Normalization(data=None, eps=1e-10, mode="instance", out=None, name=None, **_):
    """`data` divided by its Euclidean norm: that of each sample (`instance`), of its channels
    (`channel`), or of each channel (`spatial`)."""
    return finish(ops.l2_normalization(data, eps, mode), out)


def Dropout(
    data=None, p=0.5, mode="training", axes=(), cudnn_off=False, out=None, name=None, **_
):
    """In training, or with mode `always`: elements become 0 with probability `p`, and the others are
    divided by `1 - p`. Along `axes` all share one fate."""
    return finish(ops.dropout(data, p, axes, mode == "always"), out)


def _softmax(data, axis, temperature, dtype, lengths, log=False):
    result = ops.softmax(data, axis, temperature, lengths, log)
    return result if dtype is None else ops.cast(result, dtype)


def softmax(
    data=None,
    length=None,
    axis=-1,
    temperature=None,
    dtype=None,
    use_length=False,
    out=None,
    name=None,
    **_,
):
    """`exp(data)` divided by its sum along an axis; beyond the lengths, if they are to be used,
    0."""
    lengths = length if use_length else None
    return finish(_softmax(data, axis, temperature, dtype, lengths), out)


def log_softmax(
    data=None,
    axis=-1,
    temperature=None,
    dtype=None,
    use_length=False,
    out=None,
    name=None,
    **_,
):
    """The logarithm of `softmax`, exact also where that is nearly 0."""
    return finish(_softmax(data, axis, temperature, dtype, None, True), out)


def softmin(data=None, axis=-1, temperature=None, dtype=None, out=None, name=None, **_):
    """The softmax of `-data`."""
    return finish(_softmax(ops.neg(data), axis, temperature, dtype, None), out)


def SoftmaxActivation(data=None, mode="instance", out=None, name=None, **_):
    """The softmax of all elements of each sample, or of its channels with mode `channel`."""
    if mode == "channel":
        return finish(ops.softmax(data, 1, None, None, False), out)
    rows = ops.reshape_by(data, (0, -1), "nd", False)
    return finish(ops.reshape(ops.softmax(rows, -1, None, None, False), data.shape), out)


def softmax_cross_entropy(data=None, label=None, out=None, name=None, **_):
    """The sum over all rows of minus the logarithm of the softmax at the label's place."""
    return finish(ops.softmax_cross_entropy(data, label), out)


def UpSampling(*data, scale=None, sample_type="nearest", out=None, name=None, **_):
    """Each pixel as a square of `scale` times `scale` pixels."""
    if sample_type != "nearest" or len(data) != 1:
        raise NotImplementedError("UpSampling is supported for one array, with 'nearest'")
    return finish(ops.repeat(ops.repeat(data[0], scale, 2), scale, 3), out)
