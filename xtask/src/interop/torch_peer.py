"""PyTorch, for `cargo xtask peers`: writes files in both layouts and describes them."""

import hashlib
import json
import pathlib
import sys

import torch

TYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
         torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64,
         torch.complex128, torch.float8_e4m3fn, torch.float8_e5m2]
SHAPES = [(), (0,), (3,), (2, 3), (2, 1, 4)]


def facts(name, tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    # Through bytes, as some types have no other way out.
    data = bytes(flat.view(torch.uint8).tolist()) if flat.numel() else b""
    dtype = str(tensor.dtype).removeprefix("torch.")
    return [name, dtype, list(tensor.shape), hashlib.sha256(data).hexdigest()]


def samples():
    tensors = {}
    for dtype in TYPES:
        for shape in SHAPES:
            count = torch.Size(shape).numel()
            values = (torch.arange(count) * 3 % 7).reshape(shape).to(dtype)
            name = str(dtype).removeprefix("torch.")
            tensors[f"层.{len(tensors)}.{name}"] = values
    weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    tensors.update({"tied.one": weight, "tied.other": weight, "turned": weight.t()})
    tensors.update({"part": weight[:, 1:], "spread": weight[0].expand(4, 3)})
    return tensors


folder = pathlib.Path(sys.argv[1])
theirs = {}
for name, is_zip in [("zip.pt", True), ("legacy.pt", False)]:
    tensors = samples()
    torch.save(tensors, folder / "theirs" / name, _use_new_zipfile_serialization=is_zip)
    theirs[f"theirs/{name}"] = [facts(*pair) for pair in tensors.items()]
try:
    import safetensors.torch
except ImportError:
    print("no safetensors beside PyTorch: no file of a tied model")
else:
    tied = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    file = folder / "theirs" / "tied.safetensors"
    # It holds a tied tensor once, and says so in metadata of its own.
    safetensors.torch.save_model(tied, str(file))
    tensors = safetensors.torch.load_file(file)
    theirs["theirs/tied.safetensors"] = [facts(*pair) for pair in tensors.items()]
(folder / "ours.json").write_text("{}", encoding="utf-8")
(folder / "theirs.json").write_text(json.dumps(theirs), encoding="utf-8")
