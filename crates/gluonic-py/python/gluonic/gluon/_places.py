"""Trees of blocks in files, by the places of their blocks instead of their names."""

import json
import os

from .. import ndarray


def save(block, prefix):
    """Writes the parameters to one file, and the classes of the tree to another."""
    values = {place: parameter._data(None, False) for place, _, parameter in _places(block)}
    ndarray.save(f"{prefix}-model.params", values)
    # Beside it first, so that it is never half there.
    with open(f"{prefix}-model.json.new", "w", encoding="utf-8") as file:
        json.dump(_classes(block), file, indent=1)
    os.replace(f"{prefix}-model.json.new", f"{prefix}-model.json")


def load(block, prefix):
    """Reads what `save` wrote of a tree of the same classes in the same places."""
    with open(f"{prefix}-model.json", encoding="utf-8") as file:
        saved = json.load(file)
    if saved != _classes(block):
        raise ValueError(
            f"{prefix}-model.json is of another model: {saved}\nthis one is {_classes(block)}"
        )
    values = ndarray.load(f"{prefix}-model.params")
    paths = {place: path for place, path, _ in _places(block)}
    block.load_dict({paths.get(place, place): value for place, value in values.items()})


def _classes(block):
    """The classes of a tree, by place."""
    return [type(block).__name__, *(_classes(child) for child in block._children.values())]


def _places(block, place="", path=""):
    """The place, the path and the parameter of each parameter of a tree."""
    for key, parameter in block._reg_params.items():
        yield f"{place}{key}", f"{path}{key}", parameter
    for i, (key, child) in enumerate(block._children.items()):
        yield from _places(child, f"{place}{i}.", f"{path}{key}.")
