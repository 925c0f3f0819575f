"""Products of matrices of `mx.nd`."""

from .._gluonic import ops
from ._function import finish

__all__ = [
    "batch_dot",
    "dot",
    "linalg_gemm",
    "linalg_gemm2",
    "linalg_syrk",
]


def dot(
    lhs=None,
    rhs=None,
    transpose_a=False,
    transpose_b=False,
    forward_stype=None,
    out=None,
    name=None,
    **_,
):
    """The sum of products over the last axis of `lhs` and the first of `rhs`: of two vectors, of two
    matrices, of arrays of any rank. A transposed operand gives its other end.

    >>> from gluonic import nd
    >>> dot(nd.ones((2, 3)), nd.ones((3, 4))).shape
    (2, 4)
    """
    return finish(ops.dot(lhs, rhs, bool(transpose_a), bool(transpose_b)), out)


def batch_dot(
    lhs=None,
    rhs=None,
    transpose_a=False,
    transpose_b=False,
    forward_stype=None,
    out=None,
    name=None,
    **_,
):
    """The matrix products of two stacks of equally many matrices."""
    result = ops.batch_dot(lhs, rhs, bool(transpose_a), bool(transpose_b), 1.0, 3)
    return finish(result, out)


def linalg_gemm2(
    A=None,
    B=None,
    transpose_a=False,
    transpose_b=False,
    alpha=1.0,
    axis=-2,
    out=None,
    name=None,
    **_,
):
    """`alpha` times the products of matrices on the last two axes."""
    if axis not in (-2, None):
        raise NotImplementedError("axis is not supported: matrices are on the last two axes")
    return finish(ops.batch_dot(A, B, bool(transpose_a), bool(transpose_b), alpha, 2), out)


def linalg_gemm(
    A=None,
    B=None,
    C=None,
    transpose_a=False,
    transpose_b=False,
    alpha=1.0,
    beta=1.0,
    axis=-2,
    out=None,
    name=None,
    **_,
):
    """`alpha` times the products of matrices on the last two axes, plus `beta * C`."""
    product = linalg_gemm2(A, B, transpose_a, transpose_b, alpha, axis)
    return finish(product + beta * C, out)


def linalg_syrk(A=None, transpose=False, alpha=1.0, out=None, name=None, **_):
    """`alpha` times the products of matrices with their own transposes."""
    transpose = bool(transpose)
    return finish(ops.batch_dot(A, A, transpose, not transpose, alpha, 2), out)
