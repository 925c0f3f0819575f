"""A plugin of pytest: with `--gluonic-mxnet`, or `gluonic_mxnet = true` in its ini file, tests that
say `import mxnet` run on gluonic. Without either it does nothing."""

import pytest

FLAG = "--gluonic-mxnet"
FORCE = "--gluonic-mxnet-force"


def pytest_addoption(parser):
    """Adds the two flags and the ini entry."""
    group = parser.getgroup("gluonic")
    group.addoption(
        FLAG,
        action="store_true",
        default=False,
        help="let `import mxnet` find gluonic",
    )
    group.addoption(
        FORCE,
        action="store_true",
        default=False,
        help="the same, even if a real mxnet is installed",
    )
    parser.addini("gluonic_mxnet", "let `import mxnet` find gluonic", type="bool", default=False)


def _wanted(config):
    options = config.known_args_namespace
    return options.gluonic_mxnet or options.gluonic_mxnet_force or config.getini("gluonic_mxnet")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    """Installs the finder before the first conftest is imported: it may say `import mxnet`."""
    if not _wanted(early_config):
        return
    from gluonic import mxnet

    try:
        mxnet.install(force=early_config.known_args_namespace.gluonic_mxnet_force)
    except ImportError as error:
        first = str(error).partition("\n")[0]
        raise pytest.UsageError(f"{first}\ntake it away, or say {FORCE}") from None


def pytest_report_header(config):
    """Says in the header which mxnet the tests see."""
    return "mxnet: gluonic" if _wanted(config) else None


def pytest_unconfigure(config):
    """Takes the finder away: pytest may be called more than once in a process."""
    if _wanted(config):
        from gluonic import mxnet

        mxnet.uninstall()
