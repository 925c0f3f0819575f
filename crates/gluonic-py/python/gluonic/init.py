"""The same as `gluonic.initializer`."""

from .initializer import *
from .initializer import __all__, alias
