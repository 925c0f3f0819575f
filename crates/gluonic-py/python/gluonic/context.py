"""Contexts: where an array is. All are on the processor."""

from . import _errors, _gluonic

__all__ = ["Context", "cpu", "cpu_pinned", "cpu_shared", "current_context", "gpu", "num_gpus"]


class Context:
    """A device: `cpu(0)`, or another number of it. Used in `with`, it is the one on which new
    arrays are made.

    >>> with cpu(1):
    ...     current_context()
    cpu(1)
    """

    __slots__ = ("_before", "device_id", "device_type")

    devtype2str = {1: "cpu", 2: "gpu", 3: "cpu_pinned", 5: "cpu_shared"}
    devstr2type = {word: number for number, word in devtype2str.items()}

    def __init__(self, device_type, device_id=0):
        if isinstance(device_type, Context):
            device_type, device_id = device_type.device_type, device_type.device_id
        if device_type not in self.devstr2type:
            known = ", ".join(self.devstr2type)
            raise _errors.KeyError(device_type, f"there is no such device; known are {known}")
        self.device_type = device_type
        self.device_id = device_id
        self._before = []

    @property
    def device_typeid(self):
        """The number of the kind of device."""
        return self.devstr2type[self.device_type]

    def __eq__(self, other):
        return (
            isinstance(other, Context)
            and self.device_typeid == other.device_typeid
            and self.device_id == other.device_id
        )

    def __hash__(self):
        return hash((self.device_typeid, self.device_id))

    def __repr__(self):
        return f"{self.device_type}({self.device_id})"

    def __enter__(self):
        self._before.append(_gluonic.set_context(self))
        return self

    def __exit__(self, *_):
        _gluonic.set_context(self._before.pop())

    def empty_cache(self):
        """Does nothing: memory that is free is kept for the next array."""


def cpu(device_id=0):
    """The processor, under a number: those of different numbers are different contexts."""
    return Context("cpu", device_id)


def cpu_pinned(device_id=0):
    """The same as `cpu`."""
    return Context("cpu_pinned", device_id)


def cpu_shared(device_id=0):
    """The same as `cpu`."""
    return Context("cpu_shared", device_id)


def gpu(device_id=0):
    """A GPU. The name exists; whatever is to be done on one is refused."""
    return Context("gpu", device_id)


def num_gpus():
    """The number of GPUs that can be used: 0."""
    return 0


def current_context():
    """The context on which new arrays are made."""
    return _gluonic.current_context()
