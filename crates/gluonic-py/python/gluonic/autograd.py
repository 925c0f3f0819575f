"""Recording of what is computed, and the gradients of it."""

from . import _gluonic
from ._gluonic import NDArray

__all__ = [
    "Function",
    "backward",
    "get_symbol",
    "grad",
    "is_recording",
    "is_training",
    "mark_variables",
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


def mark_variables(variables, gradients, grad_reqs="write"):
    """Lets backward write the gradients with respect to arrays into other arrays.

    >>> x, dx = nd.array([3.0]), nd.zeros(1)
    >>> autograd.mark_variables([x], [dx])
    >>> with autograd.record():
    ...     y = x * x
    >>> y.backward()
    >>> dx.asscalar()
    6.0
    """
    variables, gradients = _listed(variables), _listed(gradients)
    if isinstance(grad_reqs, str):
        grad_reqs = [grad_reqs] * len(variables)
    if not len(variables) == len(gradients) == len(grad_reqs):
        raise ValueError("variables, gradients and grad_reqs must be equally many")
    for variable, gradient, req in zip(variables, gradients, grad_reqs):
        _gluonic.mark_variable(variable, gradient, req)


def backward(heads, head_grads=None, retain_graph=False, train_mode=True):
    """Computes the gradients of everything that the heads were computed from, each weighted by its
    head gradient, by ones without."""
    heads, head_grads = _heads(heads, head_grads)
    _gluonic.backward(heads, head_grads, bool(retain_graph))


def grad(
    heads, variables, head_grads=None, retain_graph=None, create_graph=False, train_mode=True
):
    """The gradients of the heads with respect to variables, which must have `attach_grad`; their
    `.grad` stays as it is.

    >>> x = nd.array([3.0])
    >>> x.attach_grad()
    >>> with autograd.record():
    ...     y = x * x
    >>> autograd.grad(y, [x])[0].asscalar()
    6.0
    """
    if create_graph:
        raise NotImplementedError(
            "create_graph=True is not supported: gradients of gradients are not computed"
        )
    variables = _listed(variables)
    if not variables:
        raise AssertionError("variables cannot be an empty list.")
    heads, head_grads = _heads(heads, head_grads)
    return _gluonic.grad(heads, variables, head_grads, bool(retain_graph))


def get_symbol(x):
    """Refused: there are no symbols here."""
    raise NotImplementedError(
        "get_symbol is not supported: gluonic records operations, not symbols"
    )


def _listed(arrays):
    return [arrays] if isinstance(arrays, NDArray) else list(arrays)


def _heads(heads, head_grads):
    heads = _listed(heads)
    if head_grads is None:
        return heads, None
    return heads, [head_grads] if isinstance(head_grads, NDArray) else list(head_grads)


class Function:
    """An operation with a gradient of its own. Override `forward` and `backward`, and use each
    object once.

    >>> class Double(autograd.Function):
    ...     def forward(self, x):
    ...         return x * 2
    ...     def backward(self, dy):
    ...         return dy * 2
    >>> x = nd.array([3.0])
    >>> x.attach_grad()
    >>> with autograd.record():
    ...     y = Double()(x)
    >>> y.backward()
    >>> x.grad.asscalar()
    2.0
    """

    _used = False
    _n_inputs = 0
    _single = True

    def __init__(self):
        self.saved_tensors = ()

    def save_for_backward(self, *args):
        """Keeps arrays for `backward`, which finds them in `saved_tensors`."""
        self.saved_tensors = args

    def __call__(self, *inputs):
        """Runs `forward` and, while recording, records it."""
        if self._used:
            raise AssertionError(
                "Each Function instance can only be called once. Please create another instance."
            )
        self._used = True
        self._n_inputs = len(inputs)
        outputs = _gluonic.apply_function(self, list(inputs))
        return outputs[0] if self._single else outputs

    def _call_forward(self, *inputs):
        outputs = self.forward(*inputs)
        self._single = isinstance(outputs, NDArray)
        return [outputs] if self._single else list(outputs)

    def _call_backward(self, *head_grads):
        grads = self.backward(*head_grads)
        grads = [grads] if isinstance(grads, NDArray) else list(grads)
        if len(grads) != self._n_inputs:
            raise AssertionError(
                f"{type(self).__name__}.backward must return exactly the same number of NDArrays "
                "as the number of NDArrays arguments to forward. Expecting "
                f"{self._n_inputs} got {len(grads)}"
            )
        return grads

    def forward(self, *inputs):
        """Computes the outputs from the inputs, unrecorded. Override it."""
        raise NotImplementedError

    def backward(self, *output_grads):
        """Computes a gradient for each input from those of the outputs. Override it."""
        raise NotImplementedError
