"""The optimizers that are gluonic's."""

from .. import _gluonic, autograd
from .optimizer import Optimizer, register

__all__ = [
    "FTML",
    "LAMB",
    "LARS",
    "NAG",
    "SGD",
    "SGLD",
    "AdaDelta",
    "AdaGrad",
    "Adafactor",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "Nadam",
    "RMSProp",
    "Signum",
    "ccSGD",
]


class _Native(Optimizer):
    """A rule of gluonic. Its settings are attributes, and may be changed while it trains."""

    _rule = ""
    # What the warning about float16 calls it.
    _half_name = ""
    # The attributes that are settings, by gluonic's names where those differ.
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


def _names(*names, **renamed):
    return {**{name: name for name in names}, **renamed}


@register
class SGD(_Native):
    """Stochastic gradient descent, with momentum if wanted.

    >>> trainer = gluon.Trainer(net.collect_params(), SGD(learning_rate=0.1, momentum=0.9))
    """

    _half_name = "SGD "
    _rule = "sgd"
    _names = _names("momentum", "lazy_update")

    def __init__(self, momentum=0.0, lazy_update=True, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.lazy_update = lazy_update


@register
class ccSGD(SGD):
    """Another name of `SGD`."""


@register
class NAG(_Native):
    """Nesterov's accelerated gradient."""

    _half_name = "NAG "
    _rule = "nag"
    _names = _names("momentum")

    def __init__(self, momentum=0.0, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum


@register
class Adam(_Native):
    """Adam: steps by running means of the gradient and of its square."""

    _rule = "adam"
    _names = _names("beta1", "beta2", "epsilon")

    def __init__(
        self,
        learning_rate=0.001,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
        lazy_update=True,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lazy_update = lazy_update


@register
class AdamW(_Native):
    """Adam with weight decay apart from the gradient. MXNet 1.9.1 has no class for it."""

    _rule = "adamw"
    _names = _names("beta1", "beta2", "epsilon")

    def __init__(
        self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, wd=0.01, **kwargs
    ):
        super().__init__(learning_rate=learning_rate, wd=wd, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon


@register
class Adamax(_Native):
    """Adam by the largest gradient of late in place of the mean square."""

    _rule = "adamax"
    _names = _names("beta1", "beta2")

    def __init__(self, learning_rate=0.002, beta1=0.9, beta2=0.999, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2


@register
class Nadam(_Native):
    """Adam with Nesterov's momentum."""

    _rule = "nadam"
    _names = _names("beta1", "beta2", "epsilon", "schedule_decay")

    def __init__(
        self,
        learning_rate=0.001,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
        schedule_decay=0.004,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.schedule_decay = schedule_decay


@register
class AdaGrad(_Native):
    """Steps divided by the root of the sum of all squared gradients."""

    _rule = "adagrad"
    _names = _names(epsilon="float_stable_eps")

    def __init__(self, eps=1e-7, **kwargs):
        super().__init__(**kwargs)
        self.float_stable_eps = eps


@register
class AdaDelta(_Native):
    """Steps without a learning rate, as long as those of late."""

    _rule = "adadelta"
    _names = _names("rho", "epsilon")

    def __init__(self, rho=0.90, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.rho = rho
        self.epsilon = epsilon


@register
class RMSProp(_Native):
    """Steps divided by the root of the mean squared gradient of late."""

    _rule = "rmsprop"
    _names = _names("gamma1", "gamma2", "epsilon", "centered", "clip_weights")

    def __init__(
        self,
        learning_rate=0.001,
        gamma1=0.9,
        gamma2=0.9,
        epsilon=1e-8,
        centered=False,
        clip_weights=None,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.gamma1 = gamma1
        self.gamma2 = gamma2
        self.epsilon = epsilon
        self.centered = centered
        self.clip_weights = clip_weights


@register
class Ftrl(_Native):
    """Follow the regularized leader: weights that matter little become 0."""

    _rule = "ftrl"
    _names = _names("lamda1", "beta")

    def __init__(self, lamda1=0.01, learning_rate=0.1, beta=1, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.lamda1 = lamda1
        self.beta = beta


@register
class FTML(_Native):
    """Follow the moving leader."""

    _rule = "ftml"
    _names = _names("beta1", "beta2", "epsilon")

    def __init__(self, beta1=0.6, beta2=0.999, epsilon=1e-8, **kwargs):
        super().__init__(**kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon


@register
class Signum(_Native):
    """Steps by the sign of the momentum, or of the gradient without momentum."""

    _rule = "signum"
    _names = _names("momentum", "wd_lh")

    def __init__(self, learning_rate=0.01, momentum=0.9, wd_lh=0.0, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum
        self.wd_lh = wd_lh


@register
class LAMB(_Native):
    """Adam with steps in proportion to the norm of each parameter, for large batches."""

    _rule = "lamb"
    _names = _names("beta1", "beta2", "epsilon", "lower_bound", "upper_bound", "bias_correction")

    def __init__(
        self,
        learning_rate=0.001,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-6,
        lower_bound=None,
        upper_bound=None,
        bias_correction=True,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound
        self.bias_correction = bias_correction


@register
class LARS(_Native):
    """Momentum with steps in proportion to the norm of each parameter, for large batches."""

    _half_name = "SGD "
    _rule = "lars"
    _names = _names("momentum", "eta", "momentum_correction", epsilon="eps")

    def __init__(
        self,
        momentum=0.0,
        lazy_update=True,
        eta=0.001,
        eps=0,
        momentum_correction=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.lazy_update = lazy_update
        self.eta = eta
        self.eps = eps
        self.momentum_correction = momentum_correction


@register
class SGLD(_Native):
    """Stochastic gradient Langevin dynamics: descent with noise."""

    _rule = "sgld"


@register
class Lion(_Native):
    """Steps by the sign of an interpolated momentum. MXNet 1.9.1 does not have it."""

    _rule = "lion"
    _names = _names("beta1", "beta2")

    def __init__(self, learning_rate=0.0001, beta1=0.9, beta2=0.99, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2


@register
class Adafactor(_Native):
    """Adaptive steps that remember rows and columns only. MXNet 1.9.1 does not have it."""

    _rule = "adafactor"
    _names = _names("beta2_decay", "epsilon1", "epsilon2", "d")

    def __init__(
        self,
        learning_rate=0.01,
        beta2_decay=-0.8,
        epsilon1=None,
        epsilon2=1e-3,
        d=1.0,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta2_decay = beta2_decay
        self.epsilon1 = epsilon1
        self.epsilon2 = epsilon2
        self.d = d
