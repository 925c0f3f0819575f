"""Learning rates that depend on the number of updates, the first being number 1."""

from . import _gluonic

__all__ = [
    "CosineScheduler",
    "FactorScheduler",
    "LRScheduler",
    "MultiFactorScheduler",
    "PolyScheduler",
]


class LRScheduler:
    """A learning rate as a function of the number of updates. For your own, override
    `__call__(num_update)`.

    >>> class Halved(LRScheduler):
    ...     def __call__(self, num_update):
    ...         return self.base_lr / num_update
    >>> Halved(base_lr=0.5)(5)
    0.1
    """

    def __init__(self, base_lr=0.01, warmup_steps=0, warmup_begin_lr=0, warmup_mode="linear"):
        self.base_lr = base_lr
        if not isinstance(warmup_steps, int):
            raise AssertionError("warmup_steps must be a whole number")
        self.warmup_steps = warmup_steps
        self.warmup_final_lr = base_lr
        self.warmup_begin_lr = warmup_begin_lr
        if self.warmup_begin_lr > self.warmup_final_lr:
            raise ValueError("Base lr has to be higher than warmup_begin_lr")
        if self.warmup_steps < 0:
            raise ValueError("Warmup steps has to be positive or 0")
        if warmup_mode not in ("linear", "constant"):
            raise ValueError("Supports only linear and constant modes of warmup")
        self.warmup_mode = warmup_mode

    def get_warmup_lr(self, num_update):
        """The learning rate of one of the first `warmup_steps` updates."""
        if num_update >= self.warmup_steps:
            raise AssertionError(f"update {num_update} is after the warm-up")
        constant = self.warmup_mode == "constant"
        return _gluonic.schedule_warmup(
            self.warmup_steps, self.warmup_begin_lr, constant, self.warmup_final_lr, num_update
        )

    def __call__(self, num_update):
        """The learning rate of an update. Override it."""
        raise NotImplementedError("must override this")


class _Falling(LRScheduler):
    """A learning rate that is a function of `base_lr`, behind a warm-up."""

    def __call__(self, num_update):
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        return self._rate(num_update)


class FactorScheduler(_Falling):
    """A learning rate that is multiplied by `factor` every `step` updates, down to
    `stop_factor_lr`.

    >>> schedule = FactorScheduler(step=2, factor=0.5, base_lr=1.0)
    >>> [schedule(n) for n in (1, 2, 3, 4, 5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self,
        step,
        factor=1,
        stop_factor_lr=1e-8,
        base_lr=0.01,
        warmup_steps=0,
        warmup_begin_lr=0,
        warmup_mode="linear",
    ):
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        if step < 1:
            raise ValueError("Schedule step must be greater or equal than 1 round")
        if factor > 1.0:
            raise ValueError("Factor must be no more than 1 to make lr reduce")
        self.step = step
        self.factor = factor
        self.stop_factor_lr = stop_factor_lr

    def _rate(self, num_update):
        return _gluonic.schedule_factor(
            self.step, self.factor, self.stop_factor_lr, self.base_lr, num_update
        )


class MultiFactorScheduler(_Falling):
    """A learning rate that is multiplied by `factor` after each of the updates in `step`.

    >>> schedule = MultiFactorScheduler(step=[1, 3], factor=0.5, base_lr=1.0)
    >>> [schedule(n) for n in (1, 2, 3, 4)]
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self,
        step,
        factor=1,
        base_lr=0.01,
        warmup_steps=0,
        warmup_begin_lr=0,
        warmup_mode="linear",
    ):
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        if not isinstance(step, list) or not step:
            raise AssertionError("\nstep must be a list of one update or more")
        for i, at in enumerate(step):
            if i != 0 and step[i] <= step[i - 1]:
                raise ValueError("Schedule step must be an increasing integer list")
            if at < 1:
                raise ValueError("Schedule step must be greater or equal than 1 round")
        if factor > 1.0:
            raise ValueError("Factor must be no more than 1 to make lr reduce")
        self.step = step
        self.factor = factor

    def _rate(self, num_update):
        return _gluonic.schedule_multi_factor(self.step, self.factor, self.base_lr, num_update)


class _Decaying(_Falling):
    """A learning rate that falls from the one given at its making within `max_update` updates."""

    def __init__(self, max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode):
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        if not isinstance(max_update, int):
            raise AssertionError("\nmax_update must be a whole number")
        if max_update < 1:
            raise ValueError("maximum number of updates must be strictly positive")
        self.base_lr_orig = self.base_lr
        self.max_update = max_update
        self.final_lr = final_lr
        self.max_steps = self.max_update - self.warmup_steps


class PolyScheduler(_Decaying):
    """A learning rate that falls along a power of what is left to do.

    >>> PolyScheduler(max_update=4, base_lr=1.0)(2)
    0.25
    """

    def __init__(
        self,
        max_update,
        base_lr=0.01,
        pwr=2,
        final_lr=0,
        warmup_steps=0,
        warmup_begin_lr=0,
        warmup_mode="linear",
    ):
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        self.power = pwr

    def _rate(self, num_update):
        return _gluonic.schedule_poly(
            self.max_update,
            self.warmup_steps,
            self.power,
            self.final_lr,
            self.base_lr_orig,
            num_update,
        )


class CosineScheduler(_Decaying):
    """A learning rate that falls along half a cosine.

    >>> round(CosineScheduler(max_update=4, base_lr=1.0)(2), 12)
    0.5
    """

    def __init__(
        self,
        max_update,
        base_lr=0.01,
        final_lr=0,
        warmup_steps=0,
        warmup_begin_lr=0,
        warmup_mode="linear",
    ):
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)

    def _rate(self, num_update):
        return _gluonic.schedule_cosine(
            self.max_update, self.warmup_steps, self.final_lr, self.base_lr_orig, num_update
        )
