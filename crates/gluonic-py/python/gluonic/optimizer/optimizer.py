"""What all optimizers have in common, and optimizers by name."""

import sys
import warnings

import numpy as _np

__all__ = ["Optimizer", "Updater", "create", "get_updater", "register"]


class Optimizer:
    """A rule that changes parameters by their gradients. For your own, override `create_state` and
    `update`, which changes `weight` in place.

    >>> @register
    ... class Plain(Optimizer):
    ...     def create_state(self, index, weight):
    ...         return None
    ...     def update(self, index, weight, grad, state):
    ...         self._update_count(index)
    ...         weight[:] -= self._get_lr(index) * self.rescale_grad * grad
    >>> create("plain", learning_rate=0.5).learning_rate
    0.5
    """

    opt_registry = {}

    # Counts changes of settings, so that a trainer knows when to look at them again.
    _changes = 0

    def __init__(
        self,
        rescale_grad=1.0,
        param_idx2name=None,
        wd=0.0,
        clip_gradient=None,
        learning_rate=None,
        lr_scheduler=None,
        sym=None,
        begin_num_update=0,
        multi_precision=False,
        param_dict=None,
    ):
        self.rescale_grad = rescale_grad
        self.lr_scheduler = lr_scheduler
        if lr_scheduler is None:
            learning_rate = 0.01 if learning_rate is None else learning_rate
        elif learning_rate is not None and lr_scheduler.base_lr != learning_rate:
            # MXNet writes it where others warn.
            sys.stdout.write(
                "learning rate from ``lr_scheduler`` has been overwritten by ``learning_rate`` in "
                "optimizer.\n"
            )
            lr_scheduler.base_lr = learning_rate
        self.lr = learning_rate
        self.wd = wd
        self.lr_mult = {}
        self.wd_mult = {}
        self.begin_num_update = begin_num_update
        self.num_update = begin_num_update
        self._index_update_count = {}
        self.clip_gradient = clip_gradient
        self.multi_precision = multi_precision
        self.aggregate_num = 0
        if not isinstance(param_idx2name or {}, dict):
            raise AssertionError("param_idx2name should be a dict of param indexes to names.")
        self.idx2name = dict(param_idx2name or {})
        self.param_dict = param_dict if param_dict else {}
        self.set_lr_mult({})
        self.set_wd_mult({})

    def __setattr__(self, name, value):
        members = self.__dict__
        members[name] = value
        members["_changes"] = self._changes + 1

    @staticmethod
    def register(klass):
        """Lets `create` make an optimizer by the name of its class, in lower case."""
        if not isinstance(klass, type):
            raise AssertionError("register takes a class")
        name = klass.__name__.lower()
        if name in Optimizer.opt_registry:
            warnings.warn(
                f"WARNING: New optimizer {klass.__module__}.{klass.__name__} is overriding "
                f"existing optimizer {Optimizer.opt_registry[name].__module__}."
                f"{Optimizer.opt_registry[name].__name__}",
                stacklevel=2,
            )
        Optimizer.opt_registry[name] = klass
        return klass

    @staticmethod
    def create_optimizer(name, **kwargs):
        """Makes an optimizer by its name, in upper or lower case.

        >>> Optimizer.create_optimizer("adam", learning_rate=0.5).beta1
        0.9
        """
        klass = Optimizer.opt_registry.get(name.lower())
        if klass is None:
            known = ", ".join(sorted(Optimizer.opt_registry))
            raise ValueError(f"Cannot find optimizer {name}\nthere are {known}")
        return klass(**kwargs)

    def create_state(self, index, weight):
        """What is to be remembered of a parameter: an array, several, or None. Override it."""
        return None

    def create_state_multi_precision(self, index, weight):
        """As `create_state`; for a float16 weight with `multi_precision` behind a float32 copy."""
        if self.multi_precision and weight.dtype == _np.float16:
            copy = weight.astype("float32")
            return (copy, self.create_state(index, copy))
        return self.create_state(index, weight)

    def update(self, index, weight, grad, state):
        """Changes a weight in place by its gradient. Override it."""
        raise NotImplementedError

    def update_multi_precision(self, index, weight, grad, state):
        """As `update`, through the float32 copy if there is one."""
        if self.multi_precision and weight.dtype == _np.float16:
            copy, state = state
            self.update(index, copy, grad.astype("float32"), state)
            weight[:] = copy.astype("float16")
        else:
            self.update(index, weight, grad, state)

    @property
    def learning_rate(self):
        """The present learning rate: the scheduler's, or the own one."""
        if self.lr_scheduler is not None:
            return self.lr_scheduler(self.num_update)
        return self.lr

    def set_learning_rate(self, lr):
        """Changes the learning rate. With a scheduler that is refused."""
        if self.lr_scheduler is not None:
            raise UserWarning(
                "LRScheduler of the optimizer has already been defined. Note that set_learning_rate"
                " can mutate the value of the learning rate of the optimizer only when the "
                "LRScheduler of the optimizer is undefined."
            )
        self.lr = lr

    def set_lr_mult(self, args_lr_mult):
        """Sets factors on the learning rate by index or name; those of a trainer's parameters are
        their `lr_mult`."""
        self.lr_mult = dict(args_lr_mult)

    def set_wd_mult(self, args_wd_mult):
        """Sets factors on the weight decay by index or name; those of a trainer's parameters are
        their `wd_mult`."""
        self.wd_mult = {
            name: 0.0
            for name in self.idx2name.values()
            if not name.endswith(("_weight", "_gamma"))
        }
        self.wd_mult.update(args_wd_mult)

    def _update_count(self, index):
        counts = self._index_update_count
        for one in index if isinstance(index, (list, tuple)) else [index]:
            counts[one] = counts.get(one, self.begin_num_update) + 1
            self.__dict__["num_update"] = max(counts[one], self.num_update)

    def _mult(self, index, attribute):
        if index in self.param_dict:
            return getattr(self.param_dict[index], attribute)
        mults = getattr(self, attribute)
        if index in mults:
            return mults[index]
        return mults.get(self.idx2name.get(index), 1.0)

    def _get_lrs(self, indices):
        lr = self.learning_rate
        return [lr * self._mult(index, "lr_mult") for index in indices]

    def _get_lr(self, index):
        return self._get_lrs([index])[0]

    def _get_wds(self, indices):
        return [self.wd * self._mult(index, "wd_mult") for index in indices]

    def _get_wd(self, index):
        return self._get_wds([index])[0]

    def _native(self):
        """The rule of gluonic that it is, with its settings; None if Python is to update."""
        return None


register = Optimizer.register
create = Optimizer.create_optimizer


class Updater:
    """Applies an optimizer to weights by their numbers, and keeps what it remembers of them."""

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.states = {}
        self.states_synced = {}
        self.aggregate_updates = False

    def __call__(self, index, grad, weight):
        """Updates a weight, or each of a list of them."""
        if isinstance(index, (list, tuple)):
            for one in zip(index, grad, weight):
                self(*one)
            return
        if index not in self.states:
            self.states[index] = self.optimizer.create_state_multi_precision(index, weight)
            self.states_synced[index] = True
        self.optimizer.update_multi_precision(index, weight, grad, self.states[index])

    def get_states(self, dump_optimizer=False):
        """Refused: MXNet makes a pickle, which could run anything."""
        raise NotImplementedError(
            "states are not pickled\nsave them with Trainer.save_states, or each of "
            "updater.states with nd.save"
        )

    def set_states(self, states):
        """Refused, as `get_states`."""
        raise NotImplementedError("states are not unpickled\nload them with Trainer.load_states")


def get_updater(optimizer):
    """An `Updater` of an optimizer: a function of index, gradient and weight.

    >>> updater = get_updater(create("sgd", learning_rate=0.5))
    >>> weight = nd.array([1.0])
    >>> updater(0, nd.array([1.0]), weight)
    >>> weight.asscalar()
    0.5
    """
    return Updater(optimizer)
