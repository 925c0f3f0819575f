"""`Trainer`: steps of training."""

import errno
import os
import warnings

from .. import _gluonic, optimizer as _optimizer
from ..util import is_np_array
from . import _python_states
from .parameter import Parameter, ParameterDict

__all__ = ["Trainer"]


class Trainer(_gluonic.Trainer):
    """Applies an optimizer to a set of parameters.

    `params` is what `collect_params` gives, a dict, or a list of parameters; `optimizer` a name or
    an optimizer. Parameters that are not initialized are refused.

    >>> trainer = Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    >>> with autograd.record():
    ...     loss = net(nd.ones((4, 3))).sum()
    >>> loss.backward()
    >>> trainer.step(4)
    """

    def __init__(
        self,
        params,
        optimizer,
        optimizer_params=None,
        kvstore="device",
        compression_params=None,
        update_on_kvstore=None,
    ):
        self._params = _listed(params)
        self._param2idx = {parameter.name: i for i, parameter in enumerate(self._params)}
        if compression_params:
            raise NotImplementedError(
                "compression_params are not supported: gradients are summed in one process"
            )
        for parameter in self._params:
            parameter._check_trainer(self)
        self._contexts = self._check_contexts()
        self._optimizer = self._make(optimizer, optimizer_params or {})
        self._updater = None
        self._seen = None
        self._scheduler = None
        native = self._optimizer._native()
        rule, settings = native or (type(self._optimizer).__name__.lower(), None)
        self._begin(self._params, rule, settings, self._optimizer.begin_num_update)
        self._begun = False
        if native is None:
            self._updater = _optimizer.get_updater(self._optimizer)
        self._scale = self._optimizer.rescale_grad
        self._kvstore_params = {"kvstore": kvstore, "update_on_kvstore": update_on_kvstore}
        self._kv_initialized = False
        for parameter in self._params:
            parameter._set_trainer(self)

    def _check_contexts(self):
        contexts = None
        for parameter in self._params:
            own = parameter.list_ctx()
            if contexts is not None and contexts != own:
                raise AssertionError(
                    "All Parameters must be initialized on the same set of contexts, but Parameter "
                    f"{parameter.name} is initialized on {own} while previous Parameters are "
                    f"initialized on {contexts}."
                )
            contexts = own
        return contexts

    def _make(self, optimizer, optimizer_params):
        if isinstance(optimizer, _optimizer.Optimizer):
            if optimizer_params:
                raise AssertionError(
                    "optimizer_params must be None if optimizer is an instance of Optimizer instead"
                    " of str"
                )
        else:
            optimizer = _optimizer.create(optimizer, **optimizer_params)
        optimizer.param_dict = dict(enumerate(self._params))
        return optimizer

    @property
    def optimizer(self):
        """The optimizer. Its settings may be changed between two steps."""
        return self._optimizer

    @property
    def learning_rate(self):
        """The present learning rate."""
        return self._optimizer.learning_rate

    def set_learning_rate(self, lr):
        """Changes the learning rate. With a scheduler that is refused."""
        self._optimizer.set_learning_rate(lr)

    def step(self, batch_size, ignore_stale_grad=False):
        """Changes every parameter by its gradient divided by the batch size.

        A gradient that no backward has written since the last step is refused before anything is
        changed, as an exception of the class UserWarning; with `ignore_stale_grad` its parameter
        stays as it is.
        """
        self._kv_initialized = True
        self._advance(batch_size, ignore_stale_grad, False)

    def allreduce_grads(self):
        """Sums the gradients of parameters on several contexts: the first half of a step."""
        self._refuse_halves("allreduce_grads")
        self._allreduce_grads()

    def update(self, batch_size, ignore_stale_grad=False):
        """Changes every parameter by its summed gradient: the second half of a step."""
        self._refuse_halves("update")
        self._advance(batch_size, ignore_stale_grad, True)

    def _refuse_halves(self, verb):
        self._kv_initialized = True
        if self._update_on_kvstore:
            raise AssertionError(
                f"{verb}() when parameters are updated on kvstore is not supported. Try setting "
                "`update_on_kvstore` to False when creating trainer."
            )

    def _advance(self, batch_size, ignore_stale_grad, summed):
        optimizer = self._optimizer
        scale = self._scale / batch_size
        if optimizer._changes != self._seen:
            self._note_changes()
        pending = self._step(self._scale, batch_size, bool(ignore_stale_grad), summed)
        optimizer.__dict__["rescale_grad"] = scale
        if not self._begun:
            self._begun = True
            self._warn_of_half()
        if self._updater is None:
            optimizer.__dict__["num_update"] = self._num_update()
        elif pending:
            self._update_in_python(pending)

    def _warn_of_half(self):
        """At the first step: what is remembered in float16 loses small changes."""
        if self._updater is not None or self._optimizer.multi_precision:
            return
        for parameter in self._params:
            if parameter._dtype_name == "float16" and parameter.grad_req != "null":
                warnings.warn(
                    "Accumulating with float16 in optimizer can lead to poor accuracy or slow "
                    "convergence. Consider using multi_precision=True option of the "
                    f"{self._optimizer._half_name}optimizer",
                    stacklevel=4,
                )

    def _note_changes(self):
        """Tells gluonic the settings of the optimizer."""
        optimizer = self._optimizer
        if self._updater is None:
            self._set(optimizer._settings())
            if optimizer.lr_scheduler is not self._scheduler:
                self._set_scheduler(optimizer.lr_scheduler)
                self._scheduler = optimizer.lr_scheduler
        self._seen = optimizer._changes

    def _update_in_python(self, indices):
        for index in indices:
            parameter = self._params[index]
            context = parameter.list_ctx()[0]
            weight = parameter._data(context, is_np_array())
            self._updater(index, parameter.grad(context), weight)
            if len(self._contexts) > 1:
                parameter.set_data(weight)

    def save_states(self, fname):
        """Writes what the optimizer remembers, its settings and the number of updates to a file:
        all of it, or the old file stays."""
        if self._updater is not None:
            _python_states.save(self, fname)
            return
        self._note_changes()
        self._save_states(fname)

    def load_states(self, fname):
        """Reads what `save_states` has written: all of it, or nothing. Training goes on as if it
        had not stopped, once the parameters have their values too."""
        if self._updater is not None:
            _python_states.load(self, fname)
            return
        if not os.path.exists(fname):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), fname)
        self._load_states(fname)
        self._optimizer._take(self._settings())
        self._optimizer.__dict__["num_update"] = self._num_update()

    @property
    def states(self):
        """What is remembered of each parameter that was updated: its arrays by name."""
        return {name: dict(arrays) for name, _, arrays in self._states()}

    # Names that programs of MXNet look at.

    @property
    def _updaters(self):
        if self._updater is not None:
            return [self._updater]
        return [_States(self) for _ in self._contexts or [None]]

    @property
    def _kvstore(self):
        kind = self._kvstore_params["kvstore"]
        if not self._kv_initialized or kind is None or len(self._contexts or []) < 2:
            return None
        return _KVStore(self, kind if isinstance(kind, str) else "device")

    @property
    def _update_on_kvstore(self):
        if self._kvstore is None:
            return None
        given = self._kvstore_params["update_on_kvstore"]
        return True if given is None else given

    @property
    def _params_to_init(self):
        """Those that a store of parameters does not know yet: there is no such store."""
        return []

    def _init_kvstore(self):
        self._kv_initialized = True

    def _reset_kvstore(self):
        self._kv_initialized = False


class _KVStore:
    """What programs ask of MXNet's store of parameters."""

    def __init__(self, trainer, kind):
        self.type = kind
        self._updater = trainer._updaters[0]


class _States:
    """What gluonic remembers, in the form of MXNet's updater."""

    def __init__(self, trainer):
        self.optimizer = trainer._optimizer
        self._trainer = trainer

    @property
    def states(self):
        states = {}
        for index, (_, updates, arrays) in enumerate(self._trainer._states()):
            if updates:
                arrays = tuple(array for _, array in arrays)
                states[index] = arrays[0] if len(arrays) == 1 else arrays or None
        return states


def _listed(params):
    if isinstance(params, (dict, ParameterDict)):
        params = [params[name] for name in sorted(params.keys())]
    if not isinstance(params, (list, tuple)):
        raise ValueError(
            f"First argument must be a list or dict of Parameters, got {type(params)}."
        )
    for parameter in params:
        if not isinstance(parameter, Parameter):
            raise ValueError(
                "First argument must be a list or dict of Parameters, got list of "
                f"{type(parameter)}."
            )
    return list(params)
