"""`gluonic.mxnet`: MXNet's names, `import mxnet`, `python -m gluonic.mxnet`, the plugin."""

import importlib
import importlib.metadata
import subprocess
import sys
import textwrap

import pytest

import gluonic
from gluonic import mxnet as mx

# In another process, since an import hook is one for the whole process.
PRELUDE = "import sys, gluonic, gluonic.mxnet\n"


def python(*args, cwd=None):
    """Runs Python and returns its status, output and errors."""
    done = subprocess.run([sys.executable, *args], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def run(code, cwd=None):
    """Runs a program and returns what it prints."""
    status, out, err = python("-c", PRELUDE + textwrap.dedent(code), cwd=cwd)
    assert status == 0, err
    return out.splitlines()


@pytest.fixture
def fake_mxnet(tmp_path):
    """A folder in which a real mxnet seems to be installed."""
    (tmp_path / "mxnet").mkdir()
    (tmp_path / "mxnet" / "__init__.py").write_text("REAL = True\n")
    (tmp_path / "mxnet" / "gluon.py").write_text("REAL = True\n")
    return tmp_path


def test_the_modules_are_the_same_objects():
    assert mx.nd is gluonic.ndarray
    assert mx.gluon.nn.Dense is gluonic.gluon.nn.Dense
    assert mx.init is gluonic.init and mx.initializer is gluonic.initializer
    assert mx.cpu is gluonic.cpu and mx.Context is gluonic.context.Context
    assert mx.base.MXNetError is gluonic.MXNetError


def test_submodules_are_imported_by_their_dotted_names():
    nn = importlib.import_module("gluonic.mxnet.gluon.nn")
    assert nn is gluonic.gluon.nn
    assert nn.__name__ == nn.__spec__.name == "gluonic.gluon.nn"
    assert importlib.import_module("gluonic.mxnet.nd") is gluonic.ndarray


def test_the_version_is_the_last_of_mxnet():
    assert mx.__version__ == "1.9.1"


def test_an_unknown_name_is_an_attribute_error_and_no_module():
    with pytest.raises(AttributeError, match="no attribute 'gluonn'"):
        mx.gluonn  # noqa: B018
    with pytest.raises(ModuleNotFoundError, match="did you mean gluon"):
        importlib.import_module("gluonic.mxnet.gluonn")
    # A module of gluonic that MXNet never had is not found under MXNet's name.
    assert not hasattr(mx, "conform")


def test_every_name_that_dir_lists_is_there():
    missing = [name for name in dir(mx) if not hasattr(mx, name)]
    assert missing == []


@pytest.mark.parametrize("name", ["sym", "symbol", "mod", "module", "kv", "io", "viz", "image"])
def test_what_is_missing_says_so_when_it_is_used(name):
    module = getattr(mx, name)
    with pytest.raises(NotImplementedError, match=rf"mx\.{name}\.anything is not in gluonic\n"):
        module.anything(1, key=2)
    with pytest.raises(NotImplementedError, match=rf"mx\.{name}\.Anything"):
        module.Anything("data")


def test_nothing_is_an_instance_of_a_missing_class():
    assert not isinstance(mx.nd.ones(2), mx.sym.Symbol)
    with pytest.raises(NotImplementedError, match=r"mx\.AttrScope is not in gluonic"):
        mx.AttrScope(group="a")


def test_install_lets_mxnet_be_imported():
    lines = run(
        """
        gluonic.mxnet.install()
        gluonic.mxnet.install()
        import mxnet
        import mxnet as mx
        from mxnet import nd, gluon, init, autograd
        from mxnet.gluon import nn
        import mxnet.gluon.nn as again
        import mxnet.ndarray
        from mxnet.gluon.parameter import Parameter
        print(mx is gluonic.mxnet, mxnet.ndarray is gluonic.ndarray, nn is again)
        print(nn.Dense is gluonic.gluon.nn.Dense, Parameter is gluonic.gluon.Parameter)
        print(nn.__spec__.name, sorted(n for n in sys.modules if n == "mxnet"))
        print(sum(type(f).__name__ == "_Finder" for f in sys.meta_path))
        """
    )
    assert lines == ["True True True", "True True", "gluonic.gluon.nn ['mxnet']", "2"]


def test_a_missing_module_can_be_imported():
    lines = run(
        """
        gluonic.mxnet.install()
        import mxnet.symbol as sym, mxnet.contrib.onnx
        from mxnet.module import Module
        from mxnet.gluon.model_zoo import vision
        try:
            vision.resnet18_v1(pretrained=True)
        except NotImplementedError as error:
            print(error)
        import mxnet as mx
        for use in (mx.gluon.model_zoo.get_model, mx.gluon.contrib.estimator.Estimator):
            try:
                use("resnet18_v1")
            except NotImplementedError as error:
                print(str(error).splitlines()[0])
        print(hasattr(mx.gluon, "nothing"), hasattr(mx.gluon.contrib, "nothing"))
        try:
            import mxnet.gluon.nothing
        except ModuleNotFoundError as error:
            print(error)
        """
    )
    assert lines == [
        "mx.gluon.model_zoo.vision.resnet18_v1 is not in gluonic",
        "build the network from gluon.nn, and load its .params file",
        "mx.gluon.model_zoo.get_model is not in gluonic",
        "mx.gluon.contrib.estimator.Estimator is not in gluonic",
        "False False",
        "No module named 'mxnet.gluon.nothing' in gluonic's place of MXNet",
    ]


def test_uninstall_undoes_install():
    lines = run(
        """
        gluonic.mxnet.uninstall()
        gluonic.mxnet.install()
        import mxnet.gluon
        gluonic.mxnet.uninstall()
        gluonic.mxnet.uninstall()
        print([name for name in sys.modules if name.startswith("mxnet")])
        try:
            import mxnet
        except ImportError as error:
            print(error)
        """
    )
    assert lines == ["[]", "No module named 'mxnet'"]


def test_a_real_mxnet_is_not_hidden_unless_forced(fake_mxnet):
    lines = run(
        """
        try:
            gluonic.mxnet.install()
        except ImportError as error:
            print(error.name, str(error).replace("\\n", " | "))
        import mxnet, mxnet.gluon
        print(mxnet.REAL, mxnet.gluon.REAL)
        gluonic.mxnet.install(force=True)
        import mxnet, mxnet.gluon
        print(mxnet is gluonic.mxnet, mxnet.gluon is gluonic.gluon)
        gluonic.mxnet.uninstall()
        import mxnet, mxnet.gluon
        print(mxnet.REAL, mxnet.gluon.REAL)
        """,
        cwd=fake_mxnet,
    )
    init = fake_mxnet / "mxnet" / "__init__.py"
    assert lines == [
        f"mxnet a real mxnet is installed, `import mxnet` finds it and not gluonic: {init} | take it "
        "away (pip uninstall mxnet), or hide it with gluonic.mxnet.install(force=True)",
        "True True",
        "True True",
        "True True",
    ]


def test_a_folder_that_is_only_called_mxnet_is_no_mxnet(tmp_path):
    (tmp_path / "mxnet").mkdir()
    lines = run("gluonic.mxnet.install(); import mxnet; print(mxnet is gluonic.mxnet)", tmp_path)
    assert lines == ["True"]


SCRIPT = """\
import sys
import helper
import mxnet as mx
print(__name__, sys.argv[1:], helper.x.shape, mx.__name__)
sys.exit(3)
"""


@pytest.fixture
def program(tmp_path):
    """A program with a module beside it."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text("from mxnet import nd\nx = nd.ones((2, 3))\n")
    return tmp_path


def test_a_script_runs_with_its_arguments_and_its_folder(program, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    script = str(program / "script.py")
    status, out, err = python("-m", "gluonic.mxnet", script, "--epochs", "3", cwd=elsewhere)
    assert (status, err) == (3, "")
    assert out == "__main__ ['--epochs', '3'] (2, 3) gluonic.mxnet\n"


def test_a_module_and_a_line_of_code_run_too(program):
    status, out, err = python("-m", "gluonic.mxnet", "-m", "script", "-x", cwd=program)
    assert (status, out, err) == (3, "__main__ ['-x'] (2, 3) gluonic.mxnet\n", "")
    code = "import sys, helper; print(sys.argv, helper.x.shape)"
    status, out, err = python("-m", "gluonic.mxnet", "-c", code, "a", cwd=program)
    assert (status, out, err) == (0, "['-c', 'a'] (2, 3)\n", "")


def test_wrong_calls_of_the_runner_end_with_2(tmp_path, fake_mxnet):
    for args in ([], ["--nothing"], ["-m"], ["-c"]):
        status, out, err = python("-m", "gluonic.mxnet", *args, cwd=tmp_path.parent)
        assert (status, out) == (2, "") and err.startswith("Usage: "), args
    status, out, err = python("-m", "gluonic.mxnet", "none.py", cwd=tmp_path.parent)
    assert (status, err) == (2, "error: there is no file none.py\n")
    status, out, _ = python("-m", "gluonic.mxnet", "--help")
    assert status == 0 and out.startswith("Usage: ")
    status, _, err = python("-m", "gluonic.mxnet", "-c", "1", cwd=fake_mxnet)
    assert status == 2 and err.startswith("error: a real mxnet is installed")
    assert err.endswith("or hide it with --force\n")
    code = "import mxnet; print(mxnet.__version__)"
    status, out, _ = python("-m", "gluonic.mxnet", "--force", "-c", code, cwd=fake_mxnet)
    assert (status, out) == (0, "1.9.1\n")


def test_an_exception_of_the_program_has_its_own_traceback(tmp_path):
    (tmp_path / "bad.py").write_text("import mxnet\n\n1 / 0\n")
    status, _, err = python("-m", "gluonic.mxnet", str(tmp_path / "bad.py"))
    assert status == 1
    assert 'bad.py", line 3' in err and err.endswith("ZeroDivisionError: division by zero\n")


TEST = """\
import mxnet as mx

def test_it():
    assert mx.nd.ones(2).shape == (2,)
"""


def pytest_of(folder, *args):
    """Runs pytest in a folder of its own. Where gluonic is not installed as a wheel, its plugin is
    named; there is no second one by that name."""
    named = ["-p", "gluonic._pytest_plugin"]
    wheel = any(path.split("/")[-1] == "entry_points.txt" for path in top_level())
    named = [] if wheel else named
    return python("-m", "pytest", "-q", "-p", "no:cacheprovider", *named, *args, cwd=folder)


def test_the_plugin_does_nothing_unless_it_is_asked(tmp_path):
    (tmp_path / "test_it.py").write_text(TEST)
    (tmp_path / "conftest.py").write_text("")
    status, out, _ = pytest_of(tmp_path)
    assert status == 2 and "No module named 'mxnet'" in out


def test_the_plugin_serves_conftests_too(tmp_path):
    (tmp_path / "test_it.py").write_text(TEST)
    (tmp_path / "conftest.py").write_text("import mxnet\n")
    status, out, err = pytest_of(tmp_path, "--gluonic-mxnet")
    assert status == 0 and "1 passed" in out, out + err
    (tmp_path / "pytest.ini").write_text("[pytest]\ngluonic_mxnet = true\n")
    status, out, err = pytest_of(tmp_path)
    assert status == 0 and "1 passed" in out, out + err


def test_the_plugin_refuses_beside_a_real_mxnet(fake_mxnet):
    (fake_mxnet / "test_it.py").write_text(TEST)
    status, _, err = pytest_of(fake_mxnet, "--gluonic-mxnet")
    assert status == 4 and "a real mxnet is installed" in err and "--gluonic-mxnet-force" in err
    status, out, _ = pytest_of(fake_mxnet, "--gluonic-mxnet-force")
    assert status == 0 and "1 passed" in out


def test_the_wheel_has_no_folder_mxnet_of_its_own():
    names = {path.split("/")[0] for path in top_level()}
    assert "gluonic" in names and "mxnet" not in names


def top_level():
    """The files of the installed wheel, or of the tree that it is made from."""
    try:
        return [str(path) for path in importlib.metadata.files("gluonic") or []]
    except importlib.metadata.PackageNotFoundError:
        from pathlib import Path

        return [path.name for path in Path(gluonic.__file__).parent.parent.iterdir()]
