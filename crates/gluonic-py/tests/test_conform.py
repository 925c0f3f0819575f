"""`python -m gluonic.conform`: the golden cases, and the table of departures."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gluonic.conform import _departures, _tally
from gluonic.conform.__main__ import main

PACKAGE = Path(__file__).parent.parent
FIXTURES = PACKAGE.parent.parent / "fixtures"
SEMANTICS = json.loads((FIXTURES / "semantics.json").read_text(encoding="utf-8"))
CASES = {case["name"]: case for case in SEMANTICS["cases"]}


def conform(folder, capsys, *args):
    """The status and the lines of a run."""
    status = main([str(folder), *args])
    return status, capsys.readouterr().out.splitlines()


def folder_of(tmp_path, *cases, prelude=""):
    """A folder with these cases."""
    named = [{"name": f"c{i}", "warnings": [], **case} for i, case in enumerate(cases)]
    text = json.dumps({"prelude": prelude, "cases": named})
    (tmp_path / "semantics.json").write_text(text)
    return tmp_path


def test_the_cases_of_mxnet_pass(capsys):
    status, lines = conform(FIXTURES, capsys)
    assert lines == ["semantics 76/76, departures 7", "names 41/41"]
    assert status == 0


@pytest.mark.parametrize("folder", ["golden", "golden_more"])
def test_the_other_folders_pass_too(folder, capsys):
    code, lines = conform(PACKAGE / "tests" / folder, capsys)
    assert code == 0, lines


def test_mxnet_itself_passes_all_of_them_without_departures():
    """Proof that the runner is sound: the same code on the MXNet that made the cases."""
    python = os.environ.get("GLUONIC_MXNET_PYTHON")
    if python is None:
        pytest.skip("needs an MXNet 1.9.1")
    folder = Path(_tally.__file__).parent
    code = f"""
import importlib.util, json, sys
import mxnet as mx
# As a package of its own: beside gluonic it would import gluonic.
spec = importlib.util.spec_from_file_location(
    "conform", {str(folder / "__init__.py")!r}, submodule_search_locations=[{str(folder)!r}])
sys.modules["conform"] = importlib.util.module_from_spec(spec)
from conform import _names, _semantics
for folder, kind, run in (
    ({str(FIXTURES)!r}, "semantics", _semantics.run),
    ({str(FIXTURES)!r}, "names", _names.run),
    ({str(PACKAGE / "tests" / "golden")!r}, "semantics", _semantics.run),
    ({str(PACKAGE / "tests" / "golden_more")!r}, "semantics", _semantics.run),
    ({str(PACKAGE / "tests" / "golden_more")!r}, "names", _names.run),
):
    cases = json.load(open(f"{{folder}}/{{kind}}.json", encoding="utf-8"))
    print("\\n".join(run(cases, mx).lines()))
"""
    done = subprocess.run([python, "-W", "ignore", "-c", code], capture_output=True, text=True)
    expected = [
        "semantics 76/76, departures 0",
        "names 41/41",
        "semantics 219/219, departures 0",
        "semantics 257/257, departures 0",
        "names 40/40",
    ]
    assert done.stdout.splitlines() == expected, done.stderr


def test_any_folder_of_the_form_works(tmp_path, capsys):
    folder = folder_of(
        tmp_path,
        {"setup": "y=x+1", "expr": "y.asnumpy()", "value": [2.0, 3.0]},
        {"expr": "1/0", "error": ["ZeroDivisionError", "division by zero"]},
        # A class whose base has the name is right too.
        {"expr": "1/0", "error": ["ArithmeticError", "division by zero"]},
        {"expr": "1/0", "error": ["ValueError", "division by zero"]},
        {"expr": "nn.Dense(2).name", "value": "dense0"},
        {"expr": "nn.Dense(2).name", "value": "dense7"},
        {"expr": "1", "value": 1, "warnings": [["UserWarning", "never"]]},
        {"setup": "import warnings", "expr": "warnings.warn('w')", "warnings": [["UserWarning", "w"]]},
        {"setup": "open('left','w').close()", "expr": "(True, {1: 'a'})", "value": [True, {"1": "a"}]},
        {"setup": "import os", "expr": "os.listdir('.')", "value": []},
        {"expr": "True", "value": 1},
        prelude="x=nd.array([1.,2.])",
    )
    status, lines = conform(folder, capsys)
    assert status == 1
    assert lines == [
        "c3: expected ValueError: 'division by zero', found ZeroDivisionError: 'division by zero'",
        "c5: expected 'dense7', found 'dense0'",
        "c6: expected the warnings [['UserWarning', 'never']], found []",
        "c10: expected 1, found True",
        "semantics 7/11, departures 0",
    ]


def test_a_case_under_another_name_departs_too(tmp_path, capsys):
    case = {**CASES["edit_between_forward_and_backward"], "name": "other"}
    folder = folder_of(tmp_path, case, prelude=SEMANTICS["prelude"])
    status, lines = conform(folder, capsys, "--verbose")
    assert lines == ["other: departs: edits after forward", "semantics 1/1, departures 1"]
    assert status == 0


def test_what_a_piece_prints_does_not_mix_with_the_lines(tmp_path, capsys):
    status, lines = conform(folder_of(tmp_path, {"expr": "print('mine')"}), capsys)
    assert (status, lines) == (0, ["semantics 1/1, departures 0"])


def test_classes_and_modules_count_as_those_of_mxnet(tmp_path, capsys):
    folder = folder_of(
        tmp_path,
        {"expr": "str(nn.Dense)", "value": "<class 'mxnet.gluon.nn.basic_layers.Dense'>"},
        {
            "expr": "nd.no_such_name",
            "error": ["AttributeError", "module 'mxnet.ndarray' has no attribute 'no_such_name'"],
        },
    )
    status, lines = conform(folder, capsys)
    assert (status, lines) == (0, ["semantics 2/2, departures 0"])


def test_what_no_departure_lists_is_no_departure(tmp_path, capsys):
    refused = ["MXNetError", "MXNetError: Check failed: something else"]
    status, lines = conform(folder_of(tmp_path, {"expr": "1", "error": refused}), capsys)
    assert status == 1 and lines[-1] == "semantics 0/1, departures 0"


def test_a_departure_that_gives_something_else_fails(tmp_path, capsys):
    # The error of an edit inside record, but gluonic raises another one.
    refused = CASES["set_data_nd_in_record"]["error"]
    status, lines = conform(folder_of(tmp_path, {"expr": "1/0", "error": refused}), capsys)
    assert status == 1
    assert lines[0].startswith("c0: departs (edits inside record) to something else")


def test_wrong_calls_end_with_2(tmp_path, capsys):
    for args in ([], [str(tmp_path / "none")], [str(tmp_path), "--nothing"]):
        with pytest.raises(SystemExit) as ended:
            main(args)
        assert ended.value.code == 2
    (tmp_path / "names.json").write_text("{")
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path)])
    assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0 and "semantics N/M" in capsys.readouterr().out


def rows():
    """The table of DEPARTURES.md: title and cases."""
    text = (PACKAGE / "DEPARTURES.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (.*) \|$", text.replace("| |", "|  |"), re.MULTILINE)[2:]
    cells = [[cell.strip() for cell in row.split(" |")] for row in table]
    return {row[0]: re.findall(r"`(\w+)`", row[4]) for row in cells}


def test_the_table_of_departures_lists_what_the_runner_counts():
    told = {title: cases for title, cases in rows().items() if cases}
    known = {known.title: list(known.cases) for known in _departures.DEPARTURES if known.cases}
    assert told == known
    assert {known.title for known in _departures.DEPARTURES} <= set(rows())


def test_the_code_of_a_departure_is_that_of_its_case():
    for departure in _departures.DEPARTURES:
        for name, (code, _) in departure.cases.items():
            assert code == _departures._code(CASES[name]), name


def test_every_row_of_the_table_has_a_reason():
    assert len(rows()) == 9
    for row in (PACKAGE / "DEPARTURES.md").read_text(encoding="utf-8").splitlines():
        if row.startswith("| ") and not row.startswith("| ---"):
            assert all(cell.strip() for cell in row.split("|")[1:5]), row


@pytest.mark.parametrize(
    ("expected", "found", "equal"),
    [
        (1.0, 1.00001, True),
        (1.0, 1.001, False),
        (1e6, 1e6 + 1, True),
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (None, 0, False),
        ([1, [2.0]], [1, [2]], True),
        ([1], [1, 2], False),
        (float("nan"), float("nan"), True),
        ("a", "a", True),
        ("1", 1, False),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
    ],
)
def test_values_are_compared_as_the_fixtures_say(expected, found, equal):
    assert _tally.same(expected, found) is equal
