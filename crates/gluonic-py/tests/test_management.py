"""What gluonic has beyond Gluon: selectors, snapshots, plans, checkpoints, notebooks."""

import numpy as np
import pytest

import gluonic
from gluonic import init, nd
from gluonic.gluon import nn


@pytest.fixture
def net():
    with gluonic.name.NameManager():
        net = nn.Sequential()
        net.add(nn.Dense(3, in_units=2), nn.Dense(1, in_units=3))
        net.initialize(init.Xavier())
        return net


def values(net):
    return [parameter.data().asnumpy().copy() for parameter in net.collect_params().values()]


def test_a_selector_takes_parameters_by_path_and_by_what_they_are(net):
    assert net.select("**.bias").paths() == [["0.bias"], ["1.bias"]]
    assert net.select("kind:weight & 1.*").parameters() == [net[1].weight]
    assert list(net.select("**").params()) == list(net.collect_params())
    assert net.select("0.bias").explain().startswith("selects 1 of the 4 parameters")
    with pytest.raises(ValueError):
        net.select("((")


def test_a_selector_that_takes_nothing_names_the_nearest(net):
    with pytest.raises(ValueError, match="0.weight"):
        net.freeze("0.wieght")


def test_a_frozen_parameter_is_not_trained(net):
    assert net.freeze("0.*") == 2
    assert net[0].weight.frozen and not net[1].weight.frozen
    assert net.unfreeze() == 2


def test_a_selection_is_initialized_alone(net):
    before = values(net)
    net.select("1.weight").initialize(init.Constant(5), force_reinit=True)
    after = values(net)
    assert np.array_equal(before[0], after[0])
    assert (after[2] == 5).all()


def test_statistics_tell_of_every_parameter_and_of_all(net):
    net.initialize(init.One(), force_reinit=True)
    found = net.select("**").statistics()
    assert found["0.weight"]["mean"] == 1 and found["0.weight"]["count"] == 6
    assert found["total"]["count"] == 13 and found["total"]["zeros"] == 4


def test_a_snapshot_brings_values_back(net):
    before = net.snapshot()
    old = values(net)
    net[0].weight.data()[:] = 9
    diff = before.diff(net.snapshot())
    assert diff and diff.changed == ["0.weight"] and diff.equal == 3
    net.restore(before)
    assert all(np.array_equal(a, b) for a, b in zip(old, values(net)))
    assert len(before) == 4 and "0.weight" in before and list(before)[0] == "0.weight"


def test_swapped_values_go_away_also_after_an_exception(net):
    old = values(net)
    other = gluonic.Snapshot()
    other["0.weight"] = nd.ones((3, 2)) * 7
    with pytest.raises(LookupError):
        with net.swap(other):
            assert (net[0].weight.data().asnumpy() == 7).all()
            raise LookupError
    assert all(np.array_equal(a, b) for a, b in zip(old, values(net)))


def test_a_plan_says_what_a_load_will_do_and_does_it(net, tmp_path):
    file = tmp_path / "net.safetensors"
    net.save_parameters(file)
    with gluonic.name.NameManager():
        other = nn.Sequential()
        other.add(nn.Dense(3), nn.Dense(5, in_units=3))
    plan = other.plan_load(file)
    assert not plan.fits and any("1.weight" in problem for problem in plan.problems)
    with pytest.raises(ValueError):
        plan.apply()
    plan = other.plan_load(file, shape="ignore")
    assert plan.fits and plan.bytes > 0 and "0.weight" in repr(plan)
    plan.apply()
    assert np.array_equal(other[0].weight.data().asnumpy(), net[0].weight.data().asnumpy())
    with pytest.raises(ValueError, match="shape must be 'error', 'warn' or 'ignore'"):
        other.plan_load(file, shape="sometimes")


def test_a_prefix_is_stripped_when_told_so(net, tmp_path):
    wrapped = {f"module.{path}": p.data() for path, p in net._named_parameters()}
    state = gluonic.Snapshot()
    for path, value in wrapped.items():
        state[path] = value
    assert not net.plan_load(state).fits
    assert net.plan_load(state, prefix=("strip", "module.")).fits
    assert net.plan_load(state, prefix="auto").fits


def test_a_checkpoint_is_read_checked_and_converted(net, tmp_path):
    file = tmp_path / "net.safetensors"
    net.save_parameters(file, digests=True)
    checkpoint = gluonic.Checkpoint(file)
    assert sorted(checkpoint) == ["0.bias", "0.weight", "1.bias", "1.weight"]
    assert len(checkpoint) == 4
    assert checkpoint.info("0.weight") == ([3, 2], "float32")
    assert np.array_equal(checkpoint["0.weight"].asnumpy(), net[0].weight.data().asnumpy())
    report = checkpoint.check()
    assert report["clean"] and report["damage"] == [] and report["not_finite"] == {}
    for name in ["net.params", "net.npz"]:
        files = checkpoint.export(tmp_path / name)
        again = gluonic.Checkpoint(files[0])
        assert again.root() == checkpoint.root()
    with pytest.raises(KeyError, match="0.weight"):
        checkpoint["0.wieght"]
    mapped = gluonic.Checkpoint(file, map=True)
    assert np.array_equal(mapped["1.bias"].asnumpy(), [0])
    assert "0" in checkpoint.tree()


def test_damage_is_found(net, tmp_path):
    file = tmp_path / "net.safetensors"
    net.save_parameters(file, digests=True)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    report = gluonic.Checkpoint(file).check()
    assert len(report["damage"]) == 1 and not report["clean"]


def test_provenance_tells_where_an_initial_value_came_from(net):
    assert net[0].weight.provenance["path"] == "0.weight"
    assert "xavier" in net[0].weight.provenance["initializer"]
    assert net[0].weight.is_initial
    net[0].weight.data()[:] += 1
    assert not net[0].weight.is_initial


def test_notebooks_show_trees_with_ties_and_escape_names():
    with gluonic.name.NameManager():
        shared = nn.Dense(2, in_units=2)
        net = nn.Sequential()
        net.add(shared, nn.Dense(2, in_units=2, params=shared.params))
        net.initialize()
        html = net._repr_html_()
        assert "tied with 1.weight" in html and html.count("<details") == html.count("</details")
        assert "dense0_weight" in shared.weight._repr_html_()
        assert "(2, 2)" in net.collect_params()._repr_html_()
        odd = nn.Dense(1, in_units=1, prefix="<b>_")
        odd.initialize()
        assert "<b>" not in odd.weight._repr_html_()
