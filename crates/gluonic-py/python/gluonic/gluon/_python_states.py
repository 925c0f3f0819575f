"""What optimizers that are written in Python remember, as a file of named arrays.

MXNet pickles the states, and the optimizer with them. A file of arrays can hold the states of any
class, since `create_state` says what they look like, and nothing in it can run.
"""

from .. import ndarray
from ..ndarray import NDArray

__all__ = ["load", "save"]

_UPDATES = "num_update"


def save(trainer, fname):
    """Writes states, numbers of updates, and those settings of the optimizer that are numbers."""
    optimizer = trainer._optimizer
    arrays = {_UPDATES: _number(optimizer.num_update)}
    for name, value in _settings(optimizer).items():
        arrays[f"setting:{name}"] = _number(value)
    for index, state in trainer._updater.states.items():
        name = trainer._params[index].name
        arrays[f"{name}:{_UPDATES}"] = _number(optimizer._index_update_count.get(index, 0))
        for path, array in _arrays_in(state):
            arrays[f"{name}:state{path}"] = array
    ndarray.save(fname, arrays)


def load(trainer, fname):
    """Reads what `save` has written: all of it, or nothing."""
    optimizer, saved = trainer._optimizer, ndarray.load(fname)
    if not isinstance(saved, dict) or _UPDATES not in saved:
        raise ValueError(
            f"{fname} holds no states of an optimizer that is written in Python\nthe file is one "
            "that save_states has written with such an optimizer"
        )
    indices = {parameter.name: i for i, parameter in enumerate(trainer._params)}
    states, counts, settings, writes, known = {}, {}, {}, [], {_UPDATES}
    for key in saved:
        owner, _, what = key.partition(":")
        if owner == "setting":
            known.add(key)
            if what in _settings(optimizer):
                kind = type(getattr(optimizer, what))
                settings[what] = kind(saved[key].asscalar())
        elif what == _UPDATES and owner in indices:
            known.add(key)
            index = indices[owner]
            counts[index] = int(saved[key].asscalar())
            states[index] = _new_state(trainer, index)
            for path, array in _arrays_in(states[index]):
                place = f"{owner}:state{path}"
                known.add(place)
                writes.append((array, _value(saved, place, array, fname)))
    unknown = [key for key in saved if key not in known]
    if unknown:
        raise ValueError(
            f"{fname} holds '{unknown[0]}', which this trainer's optimizer does not remember\nthe "
            f"parameters are: {', '.join(indices)}"
        )
    for array, value in writes:
        array[:] = value
    for name, value in settings.items():
        setattr(optimizer, name, value)
    trainer._updater.states = states
    optimizer._index_update_count = counts
    optimizer.__dict__["num_update"] = int(saved[_UPDATES].asscalar())


def _number(value):
    return ndarray.array([value], dtype="float64")


def _settings(optimizer):
    """The attributes that are numbers and may differ from one training to another."""
    counted = {"num_update", "begin_num_update", "rescale_grad", "aggregate_num"}
    return {
        name: value
        for name, value in vars(optimizer).items()
        if isinstance(value, (bool, int, float)) and name[0] != "_" and name not in counted
    }


def _new_state(trainer, index):
    parameter = trainer._params[index]
    weight = parameter._data(parameter.list_ctx()[0], False)
    return trainer._optimizer.create_state_multi_precision(index, weight)


def _value(saved, place, array, fname):
    value = saved.get(place)
    if value is None or value.shape != array.shape:
        found = "is missing" if value is None else f"has shape {value.shape}"
        raise ValueError(
            f"'{place}' {found} in {fname}\nthe optimizer remembers an array of shape {array.shape}"
        )
    return value


def _arrays_in(state, path=""):
    """The arrays of a state, with their places: `""` for one alone, `.0.1` in nested tuples."""
    if isinstance(state, NDArray):
        yield path, state
    elif isinstance(state, (list, tuple)):
        for i, part in enumerate(state):
            yield from _arrays_in(part, f"{path}.{i}")
