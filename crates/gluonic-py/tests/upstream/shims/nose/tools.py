"""What MXNet's tests need of `nose.tools`."""

import functools
import unittest

_case = unittest.TestCase()
assert_raises = _case.assertRaises
assert_equal = _case.assertEqual
assert_almost_equal = _case.assertAlmostEqual
assert_true = _case.assertTrue


def make_decorator(func):
    """A decorator whose function takes over the name of another."""
    return functools.wraps(func)


def raises(*kinds):
    """A decorator: the function is to raise one of these."""

    def decorate(func):
        @functools.wraps(func)
        def inside(*args, **kwargs):
            with _case.assertRaises(kinds):
                func(*args, **kwargs)

        return inside

    return decorate


def nottest(func):
    """A decorator: the function is no test."""
    func.__test__ = False
    return func


def ok_(value, message=None):
    """Raises AssertionError unless a value is true."""
    assert value, message


def eq_(first, second, message=None):
    """Raises AssertionError unless two values are equal."""
    assert first == second, message or f"{first!r} != {second!r}"
