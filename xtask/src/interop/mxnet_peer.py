"""MXNet 1.9.1, for `cargo xtask peers`: describes files, writes its own, and runs networks."""

import hashlib
import json
import pathlib
import sys

import mxnet as mx
import numpy as np
from mxnet.gluon import nn

TYPES = ["float16", "float32", "float64", "uint8", "int8", "int32", "int64", "bool", "bfloat16"]
# NumPy has no such type; MXNet knows it as a structure of this name.
BFLOAT16 = np.dtype([("bfloat16", np.uint16)])
SHAPES = [(), (0,), (3,), (2, 3), (2, 1, 4)]


def facts(name, array):
    data = array.asnumpy()
    dtype = "bfloat16" if data.dtype == BFLOAT16 else data.dtype.name
    return [name, dtype, list(data.shape), hashlib.sha256(data.tobytes()).hexdigest()]


def describe(arrays):
    if isinstance(arrays, list):
        arrays = {str(n): array for n, array in enumerate(arrays)}
    return [facts(*pair) for pair in arrays.items()]


def samples(shapes):
    arrays = {}
    for dtype in TYPES:
        for shape in shapes:
            values = (np.arange(np.prod(shape, dtype=int)) * 3 % 7).reshape(shape)
            if dtype == "bfloat16":
                array = mx.nd.array(values).astype(BFLOAT16)
            else:
                array = mx.nd.array(values.astype(dtype), dtype=dtype)
            arrays[f"层.{len(arrays)}.{dtype}/ä"] = array
    return arrays


def exchange(folder):
    ours, theirs = {}, {}
    for file in sorted((folder / "ours").iterdir()):
        # Scalars and dims of 0 exist only if MXNet is told to think as NumPy.
        with mx.util.np_shape(file.stem == "numpy"):
            ours[f"ours/{file.name}"] = describe(mx.nd.load(str(file)))
    plain = samples(SHAPES[2:])
    with mx.util.np_shape(True):
        every = samples(SHAPES)
    for name, arrays, np_shape in [
        ("plain", plain, False), ("list", list(plain.values()), False), ("numpy", every, True),
    ]:
        with mx.util.np_shape(np_shape):
            mx.nd.save(str(folder / "theirs" / f"{name}.params"), arrays)
            theirs[f"theirs/{name}.params"] = describe(arrays)
    (folder / "ours.json").write_text(json.dumps(ours), encoding="utf-8")
    (folder / "theirs.json").write_text(json.dumps(theirs), encoding="utf-8")


def net(kind):
    net = nn.Sequential(prefix="model_")
    with net.name_scope():
        net.add(nn.Dense(6, activation="relu"))
        if kind.startswith("tied"):
            shared = nn.Dense(6, activation="relu")
            net.add(shared)
            net.add(nn.Dense(6, params=shared.params))
        net.add(nn.Dense(3))
    return net


def networks(folder):
    x = mx.nd.array(np.load(folder / "input.npy"))
    for kind in ["path", "name", "tied", "tied_once"]:
        loaded = net(kind)
        loaded.load_parameters(str(folder / f"ours_{kind}.params"))
        np.save(folder / f"ours_{kind}.npy", loaded(x).asnumpy())
        made = net(kind)
        made.initialize(mx.init.Xavier())
        np.save(folder / f"theirs_{kind}.npy", made(x).asnumpy())
        file = str(folder / f"theirs_{kind}.params")
        if kind == "name":
            made.collect_params().save(file, strip_prefix=made.prefix)
        else:
            made.save_parameters(file, deduplicate=kind == "tied_once")


exchange(pathlib.Path(sys.argv[1]))
networks(pathlib.Path(sys.argv[1]))
