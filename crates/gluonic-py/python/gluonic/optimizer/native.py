"""The optimizers that are gluonic's."""

from ._native import _names, _Native
from .optimizer import register

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
        self.momentum, self.lazy_update = momentum, lazy_update


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
        self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, lazy_update=True, **kwargs
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
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
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon


@register
class Adamax(_Native):
    """Adam by the largest gradient of late in place of the mean square."""

    _rule = "adamax"
    _names = _names("beta1", "beta2")

    def __init__(self, learning_rate=0.002, beta1=0.9, beta2=0.999, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1, self.beta2 = beta1, beta2


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
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
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
        self.rho, self.epsilon = rho, epsilon


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
        self.gamma1, self.gamma2, self.epsilon = gamma1, gamma2, epsilon
        self.centered, self.clip_weights = centered, clip_weights


@register
class Ftrl(_Native):
    """Follow the regularized leader: weights that matter little become 0."""

    _rule = "ftrl"
    _names = _names("lamda1", "beta")

    def __init__(self, lamda1=0.01, learning_rate=0.1, beta=1, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.lamda1, self.beta = lamda1, beta


@register
class FTML(_Native):
    """Follow the moving leader."""

    _rule = "ftml"
    _names = _names("beta1", "beta2", "epsilon")

    def __init__(self, beta1=0.6, beta2=0.999, epsilon=1e-8, **kwargs):
        super().__init__(**kwargs)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon


@register
class Signum(_Native):
    """Steps by the sign of the momentum, or of the gradient without momentum."""

    _rule = "signum"
    _names = _names("momentum", "wd_lh")

    def __init__(self, learning_rate=0.01, momentum=0.9, wd_lh=0.0, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum, self.wd_lh = momentum, wd_lh


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
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.lower_bound, self.upper_bound = lower_bound, upper_bound
        self.bias_correction = bias_correction


@register
class LARS(_Native):
    """Momentum with steps in proportion to the norm of each parameter, for large batches."""

    _half_name = "SGD "
    _rule = "lars"
    _names = _names("momentum", "eta", "momentum_correction", epsilon="eps")

    def __init__(
        self, momentum=0.0, lazy_update=True, eta=0.001, eps=0, momentum_correction=True, **kwargs
    ):
        super().__init__(**kwargs)
        self.momentum, self.lazy_update = momentum, lazy_update
        self.eta, self.eps = eta, eps
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
        self.beta1, self.beta2 = beta1, beta2


@register
class Adafactor(_Native):
    """Adaptive steps that remember rows and columns only. MXNet 1.9.1 does not have it."""

    _rule = "adafactor"
    _names = _names("beta2_decay", "epsilon1", "epsilon2", "d")

    def __init__(
        self, learning_rate=0.01, beta2_decay=-0.8, epsilon1=None, epsilon2=1e-3, d=1.0, **kwargs
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta2_decay, self.epsilon1, self.epsilon2, self.d = beta2_decay, epsilon1, epsilon2, d
