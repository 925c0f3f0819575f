"""Sequences, as one array or as a list of steps, and the states at their start."""

from ... import _gluonic


def is_array(inputs):
    """True for an array, which has all steps."""
    return isinstance(inputs, _gluonic.NDArray)


def check_length(length, n_steps):
    """Refuses a sequence that is not as long as was said."""
    if length is not None and length != n_steps:
        raise AssertionError(f"\nthe sequence has {n_steps} steps, not {length}")


def time_axis(layout):
    """The axis along which the steps are."""
    axis = layout.find("T")
    if axis not in (0, 1) or "N" not in layout:
        raise ValueError(f"a layout of a sequence is 'TNC' or 'NTC', not '{layout}'")
    return axis


def steps_of(length, inputs, layout):
    """The steps as a list, and the number of samples."""
    axis = time_axis(layout)
    if not is_array(inputs):
        check_length(length, len(inputs))
        return list(inputs), inputs[0].shape[layout.replace("T", "").find("N")]
    check_length(length, inputs.shape[axis])
    return _gluonic.steps(inputs, axis), inputs.shape[layout.find("N")]


def merged(length, inputs, layout):
    """The steps as one array, and the number of samples."""
    axis = time_axis(layout)
    if not is_array(inputs):
        check_length(length, len(inputs))
        inputs = _gluonic.join(list(inputs), axis, True)
    check_length(length, inputs.shape[axis])
    return inputs, inputs.shape[layout.find("N")]


def states_of(info, func, kwargs):
    """States of the shapes in `info`."""
    if func is None:
        func = _zeros
    states = []
    for state in info:
        given = {key: value for key, value in state.items() if key != "__layout__"}
        states.append(func(**{**given, **kwargs}))
    return states


def _zeros(shape, ctx=None, dtype="float32", **_):
    zeros = _gluonic.full(shape, 0.0, dtype or "float32", ctx)
    return zeros.as_np_ndarray() if _gluonic.is_np_array() else zeros
