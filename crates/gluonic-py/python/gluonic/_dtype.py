"""Element types that NumPy does not have."""

__all__ = ["bfloat16"]


class bfloat16:
    """The type of elements of 16 bits with the range of float32. NumPy has no such type: where an
    array of it is copied to NumPy its values come as float32."""
