"""What `import gluonic` brings with it."""

import subprocess
import sys


def test_importing_gluonic_imports_nothing_heavy():
    code = "import sys, gluonic; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    modules = set(done.stdout.split())
    assert "gluonic" in modules, done.stderr
    assert not modules & {"pytest", "unittest", "doctest", "asyncio", "torch", "mxnet", "scipy"}
