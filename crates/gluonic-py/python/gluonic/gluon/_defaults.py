"""Classes that differ from their base by the defaults of their arguments."""

import types


def with_defaults(**defaults):
    """A decorator that gives a class the `__init__` of its base with other defaults, which its
    signature shows.

    >>> class Border:
    ...     def __init__(self, width=1, color="black"):
    ...         self.text = f"{width} {color}"
    >>> @with_defaults(color="red")
    ... class Red(Border):
    ...     pass
    >>> Red(2).text
    '2 red'
    """

    def decorate(cls):
        base = cls.__init__
        code = base.__code__
        names = code.co_varnames[: code.co_argcount][-len(base.__defaults__) :]
        if not defaults.keys() <= set(names):
            raise TypeError(f"{cls.__name__} has no defaults for {defaults.keys() - set(names)}")
        values = tuple(defaults.get(*pair) for pair in zip(names, base.__defaults__))
        own = types.FunctionType(code, base.__globals__, "__init__", values, base.__closure__)
        own.__qualname__ = f"{cls.__qualname__}.__init__"  # errors about arguments say it
        own.__module__ = cls.__module__
        own.__kwdefaults__ = base.__kwdefaults__
        cls.__init__ = own
        return cls

    return decorate
