#!/usr/bin/env python3
"""The Python libraries of `cargo run --release -- files`, which starts this and asks it for one
measurement at a time.

usage: files_bench.py {torch|mxnet} TENSORS ELEMENTS

Says what it can do, a line each: name, version, ending of its files, tasks, with tabs between; then
`ready`. Answers each line `TASK NAME FILE` with milliseconds, or with what went wrong. A save
includes the fsync of the file and its folder; a load ends with every value in memory of its own.
"""
import os
import sys
import time


def sync(file):
    for path in (file, os.path.dirname(file)):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def torch_libraries(tensors, elements):
    import torch

    values = {
        f"{i}.weight": ((torch.arange(elements) + i) % 1000 * 1e-3).float().reshape(elements, 1)
        for i in range(tensors)
    }

    def one(file):
        return torch.load(file, mmap=True, weights_only=True)["7.weight"].clone()

    libraries = {
        "torch": (torch.__version__, "pt", {
            "save": lambda file: torch.save(values, file),
            "load": lambda file: torch.load(file, weights_only=True),
            "one": one,
        }),
        "torch mapped": (torch.__version__, "pt", {
            "load": lambda file: {
                name: value.clone()
                for name, value in torch.load(file, mmap=True, weights_only=True).items()
            },
        }),
    }
    try:
        import safetensors
        import safetensors.numpy
        import safetensors.torch
    except ImportError as error:
        print(f"not run: safetensors of Python, {error}", file=sys.stderr)
        return libraries, values

    arrays = {name: value.numpy() for name, value in values.items()}

    def clones(file):
        # Its tensors are lazy, on a map of the file.
        return {name: value.clone() for name, value in safetensors.torch.load_file(file).items()}

    def one_of(framework):
        def one(file):
            with safetensors.safe_open(file, framework) as opened:
                tensor = opened.get_tensor("7.weight")
                return tensor.clone() if framework == "pt" else tensor
        return one

    libraries["safetensors.torch"] = (safetensors.__version__, "safetensors", {
        "save": lambda file: safetensors.torch.save_file(values, file),
        "load": clones,
        "one": one_of("pt"),
    })
    libraries["safetensors.numpy"] = (safetensors.__version__, "safetensors", {
        "save": lambda file: safetensors.numpy.save_file(arrays, file),
        "load": safetensors.numpy.load_file,
        "one": one_of("np"),
    })
    return libraries, values


def mxnet_libraries(tensors, elements):
    import mxnet as mx

    values = {
        f"{i}.weight": ((mx.nd.arange(elements) + i) % 1000 * 1e-3).reshape((elements, 1))
        for i in range(tensors)
    }
    mx.nd.waitall()

    def done(result):
        mx.nd.waitall()
        return result

    return {
        "mxnet": (mx.__version__, "params", {
            "save": lambda file: done(mx.nd.save(file, values)),
            "load": lambda file: done(mx.nd.load(file)),
        }),
    }, values


def main():
    what, tensors, elements = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    try:
        make = {"torch": torch_libraries, "mxnet": mxnet_libraries}[what]
        libraries, values = make(tensors, elements)
    except ImportError as error:
        print(error)
        return
    for name, (version, ending, tasks) in libraries.items():
        print(name, version, ending, " ".join(tasks), sep="\t")
    print("ready", flush=True)
    for line in sys.stdin:
        task, name, file = line.rstrip("\n").split("\t")
        run = libraries[name][2][task]
        try:
            start = time.perf_counter()
            result = run(file)
            if task == "save":
                sync(file)
            ms = (time.perf_counter() - start) * 1e3
            del result
            print(f"{ms:.6f}", flush=True)
        except Exception as error:  # Whatever it is, it is the answer.
            print(repr(error).replace("\n", " "), flush=True)


main()
