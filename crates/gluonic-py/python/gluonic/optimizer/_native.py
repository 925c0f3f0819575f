"""Optimizers that are gluonic's: how their settings get there, and how they update."""

from .. import _gluonic, autograd
from .optimizer import Optimizer


def _names(*names, **renamed):
    """Attributes that are settings, by gluonic's names."""
    return {**{name: name for name in names}, **renamed}


class _Native(Optimizer):
    """A rule of gluonic. Its settings are attributes, and may be changed while it trains."""

    _rule = ""
    # What the warning about float16 calls it.
    _half_name = ""
    _names = {}

    def _settings(self):
        settings = [
            ("wd", self.wd),
            ("clip_gradient", self.clip_gradient or None),
            ("multi_precision", bool(self.multi_precision)),
        ]
        if self.lr is not None:
            settings.append(("learning_rate", self.lr))
        for name, attribute in self._names.items():
            settings.append((name, getattr(self, attribute)))
        return settings

    def _take(self, settings):
        """Takes settings over from gluonic."""
        attributes = {"wd": "wd", "clip_gradient": "clip_gradient", **self._names}
        attributes["multi_precision"] = "multi_precision"
        if self.lr_scheduler is None:
            attributes["learning_rate"] = "lr"
        for name, attribute in attributes.items():
            setattr(self, attribute, settings[name])

    def _native(self):
        # A subclass with a way of its own is one that Python updates.
        for name in ("update", "update_multi_precision", "create_state"):
            if getattr(type(self), name) is not getattr(_Native, name):
                return None
        return self._rule, self._settings()

    def create_state(self, index, weight):
        """What is remembered of a weight that is updated without a trainer."""
        return _Alone(self, weight)

    def create_state_multi_precision(self, index, weight):
        """As `create_state`: a float32 copy is kept by gluonic itself."""
        return self.create_state(index, weight)

    def update_multi_precision(self, index, weight, grad, state):
        """As `update`."""
        self.update(index, weight, grad, state)

    def update(self, index, weight, grad, state):
        """Changes a weight in place by its gradient."""
        self._update_count(index)
        state.update(self, weight, grad, self._mult(index, "lr_mult"), self._mult(index, "wd_mult"))


class _Alone:
    """One weight that is updated without a trainer: a parameter with a trainer of its own."""

    def __init__(self, optimizer, weight):
        from ..gluon.parameter import Parameter

        self.parameter = Parameter("weight", shape=weight.shape, dtype=weight.dtype)
        self.parameter.initialize(init="zeros")
        self.trainer = _gluonic.Trainer()
        rule, settings = optimizer._rule, optimizer._settings()
        self.trainer._begin([self.parameter], rule, settings, optimizer.begin_num_update)

    def update(self, optimizer, weight, grad, lr_mult, wd_mult):
        parameter, trainer = self.parameter, self.trainer
        trainer._set(optimizer._settings())
        trainer._set_scheduler(optimizer.lr_scheduler)
        parameter.lr_mult, parameter.wd_mult = float(lr_mult), float(wd_mult)
        parameter.set_data(weight)
        with autograd.record():
            value = parameter.data()
        autograd.backward([value], [grad])
        trainer._step(optimizer.rescale_grad, 1, False)
        weight[:] = parameter.data()
