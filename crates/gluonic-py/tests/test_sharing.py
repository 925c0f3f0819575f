"""Memory shared with NumPy, PyTorch and whoever speaks DLPack."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

from gluonic import _gluonic, autograd, nd
from gluonic._sharing import np_from_dlpack, np_from_numpy

TYPES = ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool"]


def values(array):
    return array.asnumpy().tolist()


def test_asarray_shares_and_asnumpy_copies():
    x = nd.array([[1, 2], [3, 4]])
    shared, copied = np.asarray(x), x.asnumpy()
    x[0, 0] = 9
    shared[1, 1] = 8
    assert values(x) == [[9, 2], [3, 8]]
    assert shared.tolist() == [[9, 2], [3, 8]]
    assert copied.tolist() == [[1, 2], [3, 4]]
    x *= 2
    x[:] += 1
    assert shared.tolist() == [[19, 5], [7, 17]]


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_and_layout_is_shared_in_place(dtype):
    base = nd.array(np.arange(6).reshape(2, 3) % 2, dtype=dtype)
    shared = np.asarray(base)
    assert (shared.dtype, shared.shape) == (np.dtype(dtype), (2, 3))
    row = np.asarray(base[1])
    row[:] = 1
    assert values(base)[1] == shared[1].tolist() == [1, 1, 1]
    assert np.asarray(base.as_np_ndarray()[0, 0]).shape == ()
    assert np.asarray(nd.array(np.zeros((0, 3)), dtype=dtype)).shape == (0, 3)


def test_array_copies_where_it_must_or_may():
    x = nd.array([1.5, 2.5])
    for copy in (np.array(x), x.__array__(copy=True), np.asarray(x, dtype="int32")):
        copy[:] = 0
    assert values(x) == [1.5, 2.5]
    assert x.__array__(copy=False)[0] == 1.5
    assert x.__array__("float64").dtype == np.float64
    with pytest.raises(ValueError):
        x.__array__("float64", copy=False)


def test_the_memory_lives_as_long_as_the_numpy_array():
    x = nd.array(np.arange(1000.0))
    shared, part = np.asarray(x), np.asarray(x[10:])
    del x
    gc.collect()
    _ = [nd.zeros((1000,)) for _ in range(50)]
    assert (shared[999], part[0], shared.sum()) == (999, 10, 499500)


def test_what_numpy_writes_reaches_no_recorded_gradient():
    x, w = nd.array([2.0]), nd.array([3.0])
    w.attach_grad()
    shared = np.asarray(w)
    with autograd.record():
        y = x * w * w
    shared[:] = 100
    y.backward()
    assert values(w.grad) == [12]
    assert values(w) == [100]


@pytest.mark.parametrize("dtype", TYPES)
def test_from_numpy_shares_both_ways_and_keeps_the_memory(dtype):
    theirs = np.zeros((2, 2), dtype=dtype)
    ours = nd.from_numpy(theirs)
    assert (ours.dtype, ours.shape) == (theirs.dtype, (2, 2))
    theirs[0, 0] = 1
    ours[1] = 1
    assert theirs.tolist() == values(ours) == np.array([[1, 0], [1, 1]], dtype=dtype).tolist()
    alive = weakref.ref(theirs)
    del theirs
    gc.collect()
    assert alive() is not None
    row = ours[1]
    del ours
    assert np.asarray(row).tolist() == values(row)
    del row
    gc.collect()
    assert alive() is None


def test_arrays_on_foreign_memory_compute_and_are_differentiated():
    theirs = np.array([1.0, 2.0, 3.0], dtype="float32")
    ours = nd.from_numpy(theirs)
    ours.attach_grad()
    with autograd.record():
        y = ours * ours
    theirs[:] = 50
    y.backward()
    assert values(ours.grad) == [2, 4, 6]
    ours -= ours.grad
    assert theirs.tolist() == [48, 46, 44]
    theirs[1] = 0
    assert values(ours + 1) == [49, 1, 45]
    assert values(ours[[1, 2]]) == [0, 44]


def test_from_numpy_copies_what_is_read_only_and_refuses_strides():
    theirs = np.ones((4, 4), dtype="float32")
    copied = nd.from_numpy(theirs, zero_copy=False)
    copied[:] = 0
    assert theirs.sum() == 16
    theirs.flags.writeable = False
    locked = nd.from_numpy(theirs)
    locked[:] = 0
    assert theirs.sum() == 16
    for strided in (theirs[::-1], theirs[:, 1:3]):
        with pytest.raises(ValueError, match="Only c-contiguous arrays are supported for zero-copy"):
            nd.from_numpy(strided)
    with pytest.raises(TypeError):
        nd.from_numpy([1, 2])
    with pytest.raises(TypeError):
        nd.from_numpy(np.ones(2, dtype="complex64"))
    swapped = nd.from_numpy(np.array([1.0, 2.0], dtype=">f4"), zero_copy=False)
    assert values(swapped) == [1, 2]


def test_dlpack_shares_in_both_directions():
    x = nd.array([1.0, 2.0])
    theirs = np.from_dlpack(x)
    x[0] = 5
    assert theirs.tolist() == [5, 2]
    assert x.__dlpack_device__() == (1, 0)
    for export in (nd.to_dlpack_for_read, nd.to_dlpack_for_write):
        y = nd.from_dlpack(export(x))
        y[1] += 1
    assert values(x) == [5, 4]
    assert type(x.to_dlpack_for_write()).__name__ == "PyCapsule"
    for wrong in (3, "a"):
        with pytest.raises(TypeError, match="DLPack"):
            nd.from_dlpack(wrong)


def test_from_dlpack_takes_strides_and_both_dialects():
    theirs = np.arange(12.0).reshape(3, 4)
    ours = nd.from_dlpack(theirs[::-1, 1:3])
    assert values(ours) == [[9, 10], [5, 6], [1, 2]]
    ours[0] = 0
    assert theirs[2].tolist() == [8, 0, 0, 11]
    for share in (np_from_dlpack, np_from_numpy):
        scalar = np.array(2.5)
        x = share(scalar)
        assert (type(x), x.shape) == (_gluonic.ndarray, ())
        x[()] = 4
        assert scalar == 4
    # One element that stands for many cannot be edited in place: it is copied.
    wide = nd.from_dlpack(np.broadcast_to(np.ones(2), (3, 2)))
    wide[0] = 7
    assert values(wide) == [[7, 7], [1, 1], [1, 1]]


def test_torch_sees_and_edits_the_same_bytes():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from gluonic import gluon

    weight = gluon.Parameter("w", shape=(2, 3))
    weight.initialize("zeros")
    theirs = torch.from_dlpack(weight.data())
    theirs[0, 1] = 5
    weight.data()[1] = 2
    assert theirs.tolist() == weight.data().asnumpy().tolist() == [[0, 5, 0], [2, 2, 2]]
    ours = nd.from_dlpack(theirs * 2)
    assert values(ours) == [[0, 10, 0], [4, 4, 4]]
    tensor = torch.ones(3)
    ours = nd.from_dlpack(tensor)
    ours[0] = 9
    tensor[1] = 8
    assert tensor.tolist() == values(ours) == [9, 8, 1]


def test_memory_may_outlive_everything_at_the_end_of_the_program():
    script = (
        "import numpy as np; from gluonic import nd\n"
        "a = np.ones(3, dtype='float32'); x = nd.from_numpy(a); y = np.asarray(x)\n"
        "nd.kept = [x, y]; a.sum()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
