"""How objects look in a notebook."""

from html import escape

__all__ = ["array_html", "block_html", "dict_html", "parameter_html"]

_STYLE = "font-family: monospace; line-height: 1.4"


def _pre(text):
    return f'<pre style="margin: 0 0 0 1.5em">{escape(text)}</pre>'


def _folded(head, body, opened=False):
    return f"<details{' open' if opened else ''}><summary>{head}</summary>{body}</details>"


def _framed(body):
    return f'<div style="{_STYLE}">{body}</div>'


def array_html(array):
    """An array: its kind, shape and type; its values folded."""
    head = f"{type(array).__name__} {tuple(array.shape)} {array.dtype.__name__} @{array.ctx}"
    return _framed(_folded(escape(head), _pre(str(array.asnumpy())), array.size <= 100))


def _parameter_line(parameter, path=None, tied=()):
    shape = "?" if parameter.shape is None else parameter.shape
    words = [path or parameter.name, str(shape), str(parameter._dtype_name)]
    if parameter.grad_req == "null":
        words.append("no gradient")
    if parameter.frozen:
        words.append("frozen")
    if tied:
        words.append(f"tied with {', '.join(tied)}")
    return _folded(escape("  ".join(words)), _pre(parameter.describe()))


def parameter_html(parameter):
    """A parameter: one line, and all about it folded below."""
    return _framed(_parameter_line(parameter))


def dict_html(params):
    """A set of parameters: a line for each."""
    lines = "".join(_parameter_line(parameter) for parameter in params.values())
    return _framed(_folded(escape(params.prefix or "parameters"), f"<div>{lines}</div>", True))


def block_html(block):
    """A block: a tree to unfold, with its parameters, their shapes, ties and histograms."""
    places = {}
    for path, parameter in block._named_parameters():
        places.setdefault(id(parameter), []).append(path)
    return _framed(_branch(block, "", places, True))


def _branch(block, path, places, opened=False):
    lines = []
    for key, parameter in block._reg_params.items():
        own = f"{path}.{key}" if path else key
        tied = [other for other in places.get(id(parameter), []) if other != own]
        lines.append(_parameter_line(parameter, key, tied))
    for key, child in block._children.items():
        if hasattr(child, "_reg_params"):
            lines.append(_branch(child, f"{path}.{key}" if path else key, places))
    key = path.rsplit(".", 1)[-1]
    words = f"({key}) " if key else ""
    count = sum(parameter._data(None, False).size for parameter in _ready(block))
    head = f"{words}{block._class}: {count:,} elements"
    body = f'<div style="margin-left: 1.5em">{"".join(lines)}</div>'
    return _folded(escape(head), body, opened)


def _ready(block):
    unique = {id(parameter): parameter for _, parameter in block._named_parameters()}
    return [parameter for parameter in unique.values() if parameter._is_initialized]
