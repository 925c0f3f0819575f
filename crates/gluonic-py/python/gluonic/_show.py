"""How arrays print: as MXNet's two dialects do."""

import numpy

from ._gluonic import ndarray

__all__ = ["array_repr", "array_str"]

_WIDTH = 75

# Later versions write float32 and float16 with exponents where MXNet's NumPy does not.
_AS_BEFORE = {"legacy": "2.2"} if tuple(map(int, numpy.__version__.split(".")[:2])) > (2, 2) else {}


def _text(values, **options):
    if values.ndim == 0 and not options:
        return str(values)
    if numpy.get_printoptions()["legacy"] is False:
        options.update(_AS_BEFORE)
    return numpy.array2string(values, **options)


def array_str(array):
    """The text of `str`: the elements as NumPy prints them; in `mx.nd` with shape and place."""
    if isinstance(array, ndarray):
        return _text(array.asnumpy())
    shape = "x".join(str(size) for size in array.shape)
    return f"\n{_text(array.asnumpy())}\n<{type(array).__name__} {shape} @{array.context}>"


def array_repr(array):
    """The text of `repr`: in `mx.np` as code, with the element type if it is not the default."""
    if not isinstance(array, ndarray):
        return array_str(array)
    values = array.asnumpy()
    name = values.dtype.name
    usual = name in ("float32", "float64", "int64", "bool")
    options = {"separator": ", ", "prefix": "array(", "suffix": ")" if usual else ","}
    if values.size or values.shape == (0,):
        text = _text(values, **options)
    else:
        text = f"[], shape={values.shape}"
    if name in ("float32", "bool"):
        return f"array({text})"
    gap = " "
    if not usual and len(text) - text.rfind("\n") - 1 + len(name) + len("dtype=") + 2 > _WIDTH:
        gap = "\n      "
    return f"array({text},{gap}dtype={name})"
