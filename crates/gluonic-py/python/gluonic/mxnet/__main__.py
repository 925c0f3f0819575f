"""`python -m gluonic.mxnet script.py`: runs a program whose `import mxnet` finds gluonic."""

import os
import runpy
import sys

from gluonic.mxnet import install

USAGE = """\
Usage: python -m gluonic.mxnet [--force] SCRIPT [ARGUMENTS]
       python -m gluonic.mxnet [--force] -m MODULE [ARGUMENTS]
       python -m gluonic.mxnet [--force] -c CODE [ARGUMENTS]

Runs a program in which `import mxnet` finds gluonic.

  --force    even if a real mxnet is installed
"""


def main(args):
    """Runs the program, as `python` itself would; returns the exit status of a wrong call."""
    force = args[:1] == ["--force"]
    if force:
        args = args[1:]
    if args[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    how = args[0] if args[:1] in (["-m"], ["-c"]) else None
    rest = args if how is None else args[1:]
    if not rest or (how is None and rest[0].startswith("-")):
        sys.stderr.write(USAGE)
        return 2
    try:
        install(force)
    except ImportError as error:
        sys.stderr.write(f"error: {error}\n".replace("gluonic.mxnet.install(force=True)", "--force"))
        return 2
    run = {None: _script, "-m": _module, "-c": _code}[how]
    return run(rest[0], rest[1:])


def _script(file, args):
    sys.argv = [file, *args]
    if not os.path.exists(file):
        sys.stderr.write(f"error: there is no file {file}\n")
        return 2
    _search_first(os.path.dirname(os.path.abspath(file)))
    runpy.run_path(file, run_name="__main__")
    return 0


def _search_first(folder):
    """As `python SCRIPT` does: the folder of the program takes the place of the working one, unless
    Python was told to search neither (`-P`)."""
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


def _module(name, args):
    sys.argv = [name, *args]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


def _code(code, args):
    sys.argv = ["-c", *args]
    _search_first("")
    main = sys.modules["__main__"]
    space = {"__name__": "__main__", "__builtins__": main.__dict__["__builtins__"]}
    exec(compile(code, "<string>", "exec"), space)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
