"""Recording of what is computed, and the gradients of it."""

from . import _gluonic

__all__ = [
    "is_recording",
    "is_training",
    "pause",
    "predict_mode",
    "record",
    "set_recording",
    "set_training",
    "train_mode",
]

is_recording = _gluonic.is_recording
is_training = _gluonic.is_training


def set_recording(is_recording):
    """Turns recording on or off on this thread, and returns what it was."""
    return _gluonic.set_recording(bool(is_recording))


def set_training(train_mode):
    """Turns training mode on or off on this thread, and returns what it was."""
    return _gluonic.set_training(bool(train_mode))


class _Scope:
    """What a thread records and trains inside a `with`; `None` leaves a mode as it is."""

    __slots__ = ("_before", "_recording", "_training")

    def __init__(self, recording, training):
        self._recording = recording
        self._training = training
        self._before = []

    def __enter__(self):
        recording = self._recording is not None and _gluonic.set_recording(self._recording)
        training = self._training is not None and _gluonic.set_training(self._training)
        self._before.append((recording, training))

    def __exit__(self, *_):
        recording, training = self._before.pop()
        if self._recording is not None:
            _gluonic.set_recording(recording)
        if self._training is not None:
            _gluonic.set_training(training)


def record(train_mode=True):
    """Records what is computed inside the `with`, in training mode unless said otherwise.

    >>> x = nd.array([3.0])
    >>> x.attach_grad()
    >>> with autograd.record():
    ...     y = x * x
    >>> y.backward()
    >>> x.grad.asscalar()
    6.0
    """
    return _Scope(True, train_mode)


def pause(train_mode=False):
    """Records nothing inside the `with`."""
    return _Scope(False, train_mode)


def train_mode():
    """Computes in training mode inside the `with`, recording or not."""
    return _Scope(None, True)


def predict_mode():
    """Computes in prediction mode inside the `with`, recording or not."""
    return _Scope(None, False)
