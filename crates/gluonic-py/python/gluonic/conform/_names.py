"""`names.json`: networks written in a small language, with their names and what they print."""

import re

from ._tally import Tally, short


class Differs(Exception):
    """The first difference of a case."""


def run(cases, mx):
    """Builds every network on `mx`, and compares."""
    tally = Tally("names")
    for name, case in cases.items():
        try:
            with mx.name.NameManager():
                _check(case, mx)
        except Differs as difference:
            tally.failed.append((name, str(difference)))
        except Exception as error:  # whatever it is, the case fails and the next one runs
            text = str(error).split("\n")[0]
            tally.failed.append((name, f"raised {type(error).__name__}: {text}"))
        else:
            tally.passed += 1
    return tally


def _same(what, expected, found):
    if expected != found:
        raise Differs(f"{what}: expected {short(expected)}, found {short(found)}")


def _check(case, mx):
    builder = _Builder(mx)
    for node in case.get("pre") or []:
        builder.build(node)
    net = builder.build(case["net"])
    _same("repr_before", case["repr_before"], repr(net))
    _same("params_repr_before", case["params_repr_before"], repr(net.collect_params()))
    for word in ("name", "prefix"):
        _same(word, case[word], getattr(net, word))
    _same("params_prefix", case["params_prefix"], net.params.prefix)
    net.initialize()
    if case.get("x") is not None:
        net(mx.nd.ones(tuple(case["x"])))
    _same("repr_after", case["repr_after"], repr(net))
    _same("params_repr_after", case["params_repr_after"], repr(net.collect_params()))
    params = net.collect_params()
    rows = [[p.name, p.shape and list(p.shape), p.grad_req] for p in params.values()]
    _same("collect_params", case["collect_params"], rows)
    paths = list(_paths(net))
    _same("structural", case["structural"], [[path, p.name] for path, p in paths])
    _same("distinct_params", case["distinct_params"], len({id(p) for _, p in paths}))
    # MXNet's Trainer refuses a network without parameters.
    order = mx.gluon.Trainer(params, "sgd")._params if rows else []
    _same("trainer_order", case["trainer_order"], [p.name for p in order])
    for pattern, names in case["regex"].items():
        found = list(net.collect_params(pattern).keys())
        _same(f"collect_params({pattern!r})", names, found)


def _paths(block, prefix=""):
    """Every parameter by its path, as files have it: a block's own, then those of its children."""
    for key, parameter in block._reg_params.items():
        yield prefix + key, parameter
    for key, child in block._children.items():
        yield from _paths(child, f"{prefix}{key}.")


class _Builder:
    """Builds blocks of the small language, and knows those that have an `id`."""

    def __init__(self, mx):
        self._mx = mx
        self._known = {}

    def build(self, node):
        """The block of a node."""
        if node["t"] == "ref":
            return self._known[node["ref"]]
        build = {"sequential": self._sequential, "custom": self._custom}.get(node["t"], self._layer)
        block = build(node)
        if "id" in node:
            self._known[node["id"]] = block
        return block

    def _naming(self, node):
        naming = {}
        if node.get("prefix") is not None:
            naming["prefix"] = node["prefix"]
        if node.get("params_of"):
            naming["params"] = self._known[node["params_of"]].params
        elif node.get("collect_params_of"):
            naming["params"] = self._known[node["collect_params_of"]].collect_params()
        return naming

    def _layer(self, node):
        gluon = self._mx.gluon
        classes = [*vars(gluon.nn).items(), *vars(gluon.rnn).items()]
        plain = re.sub(r"_", "", node["t"]).lower()
        found = [
            value
            for name, value in classes
            if isinstance(value, type)
            and issubclass(value, gluon.Block)
            and name.lower() == plain
        ]
        if not found:
            raise Differs(f"there is no layer for {node['t']!r}")
        return found[0](**(node.get("args") or {}), **self._naming(node))

    def _sequential(self, node):
        net = self._mx.gluon.nn.Sequential(**(node.get("args") or {}), **self._naming(node))
        self._within(node.get("scope", False), net, self._add, node)
        return net

    def _add(self, net, node):
        for child in node.get("children") or []:
            net.add(self.build(child))

    def _custom(self, node):
        own = node.get("own") or []
        block = self._class(node.get("cls") or "M")(**self._naming(node))
        for key, shape in own:
            setattr(block, key, block.params.get(key, shape=tuple(shape)))
        self._within(node.get("scope") is not False, block, self._set, node)
        return block

    def _set(self, block, node):
        for key, child in node.get("attrs") or []:
            setattr(block, key, self.build(child))

    def _class(self, name):
        def forward(self, x):
            for child in self._children.values():
                x = child(x)
            return x

        return type(name, (self._mx.gluon.Block,), {"forward": forward})

    @staticmethod
    def _within(scope, block, fill, node):
        if not scope:
            fill(block, node)
            return
        with block.name_scope():
            fill(block, node)
