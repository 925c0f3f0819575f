"""Products of arrays of `mx.np`."""

from .._gluonic import NDArray, ops
from ._function import finish

__all__ = ["dot", "einsum", "inner", "matmul", "outer", "tensordot", "vdot"]


def dot(a, b, out=None):
    """The sum of products over the last axis of `a` and the last but one of `b`, or its only one.

    >>> from gluonic import np
    >>> dot(np.ones((2, 3)), np.ones(3)).shape
    (2,)
    """
    for argument, value in (("a", a), ("b", b)):
        if not isinstance(value, NDArray):
            raise AssertionError(f"Argument {argument} must have NDArray type, but got {value}")
    return finish(ops.np_dot(a, b), out)


def matmul(a, b, out=None, **_):
    """The matrix products on the last two axes; the others broadcast."""
    return finish(ops.matmul(a, b), out)


def tensordot(a, b, axes=2):
    """The sum of products over pairs of axes, or over the last of `a` and the first of `b`."""
    if isinstance(axes, int):
        one = list(range(a.ndim - axes, a.ndim))
        two = list(range(axes))
    else:
        one, two = ([axis] if isinstance(axis, int) else list(axis) for axis in axes)
    if len(one) != len(two):
        raise ValueError("axes length mismatch")
    return ops.tensordot(a, b, one, two)


def einsum(*operands, **options):
    """The sum of products that an expression says, such as `'ij,kj->ik'`."""
    out = options.pop("out", None)
    options.pop("optimize", None)
    if options:
        raise TypeError(f"{', '.join(options)} is not supported")
    expression, *arrays = operands
    if not isinstance(expression, str):
        raise NotImplementedError("einsum takes its expression as a text")
    return finish(ops.einsum(expression, arrays), out)


def inner(a, b):
    """The sum of products over the last axes."""
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return ops.tensordot(a, b, [-1], [-1])


def outer(a, b):
    """The products of all pairs of elements."""
    return ops.reshape(a, (a.size, 1)) * ops.reshape(b, (1, b.size))


def vdot(a, b):
    """The sum of products of all elements."""
    return ops.np_dot(ops.reshape(a, (a.size,)), ops.reshape(b, (b.size,)))
