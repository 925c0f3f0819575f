"""How far long verbs are: bars in terminals and notebooks."""

import sys
import time

from . import _gluonic

__all__ = ["progress"]


class progress:
    """Inside `with gluonic.progress():` a bar shows how saves, loads and conversions go on: on a
    terminal as a line of standard error, in a notebook below the cell. Elsewhere nothing is shown.

    A callable is told instead: `progress(lambda verb, bytes, done: …)`.
    """

    def __init__(self, listener=None):
        self._listener = listener or _Bar()
        self._before = []

    def __enter__(self):
        self._before.append(_gluonic.set_progress(self._listener))
        return self

    def __exit__(self, *_):
        _gluonic.set_progress(self._before.pop())


class _Bar:
    """A line that says what is done, how much of it, and how fast."""

    def __init__(self):
        self._start = None
        self._display = _notebook()

    def __call__(self, verb, count, done):
        now = time.monotonic()
        if self._start is None:
            self._start = now
        seconds = now - self._start
        speed = f", {_size(count / seconds)}/s" if seconds > 0.05 else ""
        self._show(f"{verb}: {_size(count)}{speed}", done)
        if done:
            self._start = None

    def _show(self, text, done):
        if self._display is not None:
            self._display(text, done)
        elif sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write(f"\r{text:<60}" + ("\n" if done else ""))
            sys.stderr.flush()


def _notebook():
    """How to show a line in a notebook, or None outside of one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    handles = []

    def show(text, done):
        if handles:
            handles[0].update({"text/plain": text}, raw=True)
        else:
            handles.append(display({"text/plain": text}, raw=True, display_id=True))
        if done:
            handles.clear()

    return show


def _size(count):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return ""
