"""NumPy and safetensors, for `cargo xtask peers`: describes files, and writes its own."""

import hashlib
import json
import pathlib
import sys

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

# The safetensors library names types as files do.
TYPES = {
    "BOOL": "bool", "F4": "float4_e2m1fn", "F6_E2M3": "float6_e2m3fn",
    "F6_E3M2": "float6_e3m2fn", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu", "BF16": "bfloat16", "C64": "complex64",
    **{f"{letter}{bits}": f"{word}{bits}"
       for letter, word in [("U", "uint"), ("I", "int"), ("F", "float")]
       for bits in [8, 16, 32, 64]},
}
NUMPY = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
         "float16", "float32", "float64", "complex64", "complex128"]
EXTENDED = ["bfloat16", "float8_e4m3fn", "float8_e5m2"]
SHAPES = [(), (0,), (3,), (2, 3), (2, 1, 4)]


def facts(name, dtype, shape, data):
    return [name, dtype, list(shape), hashlib.sha256(data).hexdigest()]


def array_facts(name, array):
    return facts(name, array.dtype.name, array.shape, array.tobytes())


def describe(file):
    if file.suffix == ".safetensors":
        raw = [facts(name, TYPES[one["dtype"]], one["shape"], bytes(one["data"]))
               for name, one in safetensors.deserialize(file.read_bytes())]
        if file.stem != "all":  # The module for NumPy does not know every type.
            arrays = safetensors.numpy.load_file(file)
            assert sorted(raw) == sorted(array_facts(*pair) for pair in arrays.items())
        if file.stem == "tied":  # A tensor is there once; its other names are in the metadata.
            with safetensors.safe_open(file, "np") as opened:
                metadata = opened.metadata()
            aliases = json.loads(metadata["gluonic.aliases"])
            assert aliases == {"2.weight": "1.weight", "2.bias": "1.bias"}, aliases
            assert set(json.loads(metadata["gluonic.digests"])) == set(arrays)
            raw += [array_facts(alias, arrays[owner]) for alias, owner in aliases.items()]
        return raw
    loaded = np.load(file)
    if file.suffix == ".npy":
        return [array_facts("0", loaded)]
    # NumPy has no bfloat16 of its own, and gives two bytes without a meaning.
    dtype = ml_dtypes.bfloat16 if file.stem == "bfloat16" else None
    return [array_facts(name, loaded[name].view(dtype or loaded[name].dtype))
            for name in loaded.files]


def samples(dtypes):
    arrays = {}
    for dtype in dtypes:
        for shape in SHAPES:
            values = (np.arange(np.prod(shape, dtype=int)) * 3 % 7).reshape(shape)
            arrays[f"层.{len(arrays)}.{dtype}/ä"] = values.astype(getattr(ml_dtypes, dtype, dtype))
    return arrays


def main():
    folder = pathlib.Path(sys.argv[1])
    ours = {f"ours/{file.name}": describe(file) for file in sorted((folder / "ours").iterdir())}
    (folder / "ours.json").write_text(json.dumps(ours), encoding="utf-8")

    theirs = {}
    out = folder / "theirs"

    def wrote(file, arrays):
        theirs[f"theirs/{file}"] = [array_facts(*pair) for pair in arrays.items()]

    known = samples(NUMPY[:-1] + EXTENDED)
    safetensors.numpy.save_file(known, out / "all.safetensors", metadata={"größe": '"\n'})
    wrote("all.safetensors", known)
    # NumPy writes these without their names; only of bfloat16 is it known what was meant.
    arrays = samples(NUMPY + EXTENDED[:1])
    np.savez(out / "stored.npz", **arrays)
    wrote("stored.npz", arrays)
    np.savez_compressed(out / "deflated.npz", **arrays)
    wrote("deflated.npz", arrays)
    # In other orders than ours: what the values are is what counts.
    for n, array in enumerate(samples(NUMPY).values()):
        turned = array.T.copy(order="C").T.astype(array.dtype.newbyteorder(">"), order="K")
        np.save(out / f"{n}.npy", turned)
        wrote(f"{n}.npy", {"0": array})
    (folder / "theirs.json").write_text(json.dumps(theirs), encoding="utf-8")


main()
