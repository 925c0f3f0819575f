"""Parameter management for neural networks, and Gluon's API on it.

>>> from gluonic import gluon, init, nd
>>> net = gluon.nn.Sequential()
>>> net.add(gluon.nn.Dense(256, activation="relu"), gluon.nn.Dense(10))
>>> net.initialize(init.Xavier())
>>> net(nd.ones((2, 20))).shape
(2, 10)
"""

from . import (
    autograd,
    base,
    context,
    gluon,
    init,
    initializer,
    io,
    lr_scheduler,
    metric,
    name,
    optimizer,
    util,
)
from . import ndarray as nd
from . import ndarray
from . import numpy as np
from . import numpy
from . import numpy_extension as npx
from . import numpy_extension, random
from ._gluonic import (
    Checkpoint,
    DeferredInitializationError,
    LoadPlan,
    MXNetError,
    Selection,
    Snapshot,
    __version__,
)
from ._fluent import attach as _attach
from ._progress import progress
from ._supported import NotSupportedError, supported
from .context import Context, cpu, cpu_pinned, cpu_shared, current_context, gpu, num_gpus

__all__ = [
    "Checkpoint",
    "LoadPlan",
    "Selection",
    "Snapshot",
    "Context",
    "DeferredInitializationError",
    "MXNetError",
    "NotSupportedError",
    "autograd",
    "base",
    "context",
    "cpu",
    "cpu_pinned",
    "cpu_shared",
    "current_context",
    "gluon",
    "gpu",
    "init",
    "initializer",
    "io",
    "lr_scheduler",
    "metric",
    "name",
    "nd",
    "ndarray",
    "np",
    "npx",
    "num_gpus",
    "numpy",
    "numpy_extension",
    "optimizer",
    "progress",
    "random",
    "supported",
    "util",
]

_attach()
