"""What Gluon keeps apart."""

from . import nn

__all__ = ["nn"]


def __getattr__(name):
    if name in ("cnn", "data", "estimator", "rnn"):
        from ...mxnet._missing import missing_below

        return missing_below(__name__, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
