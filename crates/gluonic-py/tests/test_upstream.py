"""MXNet's own tests of parameters, on gluonic: run where GLUONIC_MXNET_TESTS names a folder that has
test_gluon.py, test_init.py, test_gluon_trainer.py, test_gluon_save.py and common.py of MXNet 1.9
(its `tests/python/unittest`)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = os.environ.get("GLUONIC_MXNET_TESTS")
RUN = Path(__file__).parent / "upstream" / "run.py"

# What is mostly about parameters.
A = {
    "test_gluon": [
        "test_parameter",
        "test_parameter_invalid_access",
        "test_invalid_parameter_stype",
        "test_invalid_parameter_grad_stype",
        "test_parameter_str",
        "test_block_attr_param",
        "test_constant",
        "test_parameter_sharing",
        "test_collect_parameters",
        "test_shared_parameters_with_non_default_initializer",
        "test_gluon_param_load",
        "test_gluon_param_load_dtype_source",
        "test_save_load_deduplicate_with_shared_params",
        "test_np_shape_parameters",
    ],
    "test_init": ["test_const_init_dumps"],
    "test_gluon_save": ["test_save"],
    "test_gluon_trainer": [
        "test_multi_trainer",
        "test_trainer",
        "test_trainer_save_load",
        "test_trainer_reset_kv",
        "test_trainer_lr_sched",
        "test_gluon_trainer_param_order",
    ],
}

# What needs layers, and shapes that come late.
C = {
    "test_gluon": [
        "test_basic",
        "test_dense",
        "test_deferred_init",
        "test_fill_shape_deferred",
        "test_fill_shape_load",
        "test_req",
        "test_hybrid_stale_cache",
        "test_block_attr_list_of_block",
    ],
    "test_gluon_trainer": ["test_trainer_multi_layer_init"],
    "test_init": ["test_bilinear_init"],
}


def names(tier):
    """The tests of a tier as FILE:TEST."""
    return [f"{file}:{test}" for file, tests in tier.items() for test in tests]


# Tests that are known to fail, and why: one that passes is to be taken out.
KNOWN = {
    "test_gluon:test_basic": "calls a block with a symbol",
    "test_gluon:test_dense": "calls a block with a symbol",
}

pytestmark = pytest.mark.skipif(FOLDER is None, reason="needs MXNet's tests")


@pytest.fixture(scope="module")
def results():
    """What became of every test."""
    command = [sys.executable, str(RUN), FOLDER, *names(A), *names(C)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [*names(A), *names(C)])
def test_a_test_of_mxnet_passes(name, results):
    why = results[name]
    if why == "absent":
        pytest.skip(f"{FOLDER} has no {name}")
    if name in KNOWN:
        assert why is not None, f"{name} passes: take it out of KNOWN"
        pytest.xfail(f"{KNOWN[name]}: {why}")
    assert why is None, why


def test_the_tiers_are_counted(results, capsys):
    with capsys.disabled():
        for tier, tests in (("A", names(A)), ("C", names(C))):
            passed = sum(results[name] is None for name in tests)
            sys.stdout.write(f"\nMXNet's own tests, tier {tier}: {passed}/{len(tests)}\n")


def test_every_known_failure_is_a_test_of_a_tier():
    assert set(KNOWN) <= {*names(A), *names(C)}
