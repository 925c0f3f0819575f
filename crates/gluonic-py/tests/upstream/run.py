"""Runs tests of MXNet's own, given as FOLDER FILE:TEST …, on gluonic under MXNet's name.

Prints a JSON object: for each FILE:TEST null if it passed, else why not.
"""

import importlib
import inspect
import json
import os
import pathlib
import sys
import tempfile
import traceback
import types

import gluonic.mxnet

SHIMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shims")


def main(folder, tests):
    """Runs the tests in an empty folder."""
    # What the tests import that may not be installed; an installed one comes first.
    sys.path += [SHIMS]
    sys.path.insert(0, os.path.abspath(folder))
    for name in ("scipy", "scipy.sparse"):
        if _lacks(name):
            sys.modules[name] = types.ModuleType(name)
    gluonic.mxnet.install(force=True)
    results = {}
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)
        for test in tests:
            results[test] = outcome(*test.split(":"))
        os.chdir(os.path.dirname(empty))
    return results


def _lacks(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return True
    return False


def outcome(file, test):
    """Runs one test."""
    try:
        module = importlib.import_module(file)
        function = getattr(module, test, None)
        if function is None:
            return "absent"
        # Two of them take pytest's folder for temporary files.
        wanted = inspect.signature(inspect.unwrap(function)).parameters
        values = {"tmpdir": pathlib.Path.cwd(), "tmp_path": pathlib.Path.cwd()}
        function(**{name: values[name] for name in wanted})
    except ModuleNotFoundError as error:
        return "absent" if error.name == file else _why(error)
    except Exception as error:
        return _why(error)
    finally:
        gluonic.util.reset_np()
        gluonic.autograd.set_recording(False)
        gluonic.autograd.set_training(False)
    return None


def _why(error):
    """Where in MXNet's test, and what."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame for frame in frames if os.path.basename(frame.filename).startswith("test_")]
    at = f"{lines[-1].line} (line {lines[-1].lineno}): " if lines else ""
    text = str(error).partition("\n")[0]
    return f"{at}{type(error).__name__}: {text}"


if __name__ == "__main__":
    json.dump(main(sys.argv[1], sys.argv[2:]), sys.stdout)
