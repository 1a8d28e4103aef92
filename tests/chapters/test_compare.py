"""The comparison of chapter results: which differences fail, and which are only listed."""

import importlib.util
import json
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("compare", Path(__file__).with_name("compare.py"))
compare = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compare)


def record(text="a 1.25, b 300\nsame", value="0.72", condition="usual", path="AVX512", architecture="x86_64"):
    return {
        "condition": condition,
        "machine": f"Python 3.11.2, NumPy 2.4.6, code paths {path}, linux",
        "architecture": architecture,
        "chapters": {"adam": {"cells": [["x = 1", text]], "shown": {"gain:.2f": value}}},
    }


@pytest.fixture
def compare_with(tmp_path, capsys):
    """Compare a record with the usual one; return the exit status and the output."""

    def compare_with(other):
        for name, each in (("1", record()), ("2", other)):
            (tmp_path / f"{name}.json").write_text(json.dumps(each), encoding="utf-8")
        return compare.main(str(tmp_path)), capsys.readouterr().out

    return compare_with


def test_equal_records_pass(compare_with):
    status, output = compare_with(record())
    assert status == 0
    assert "equal" in output


@pytest.mark.parametrize(
    ("other", "parts"),
    [
        (record(text="a 1.26, b 300\nsame"), ["adam, cell 'x = 1'", "a 1.25, b 300", "a 1.26, b 300"]),
        (record(value="0.73"), ["adam, value gain:.2f", "0.72", "0.73"]),
    ],
)
def test_a_difference_fails_and_shows_chapter_cell_and_both_values(compare_with, other, parts):
    status, output = compare_with(other)
    assert status == 1
    assert "DIFFERS" in output
    for part in parts:
        assert part in output


@pytest.mark.parametrize("other", [{"path": "SSE42"}, {"architecture": "aarch64"}])
def test_with_other_code_paths_a_unit_of_the_last_digit_is_listed_and_passes(compare_with, other):
    status, output = compare_with(record(text="a 1.26, b 301\nsame", value="0.73", **other))
    assert status == 0
    assert output.count("last digit:") == 2


@pytest.mark.parametrize("text", ["a 1.27, b 300", "a 1.25, c 300", "a -1.25, b 300", "a 1.25, b nan"])
def test_with_other_code_paths_anything_more_fails(compare_with, text):
    status, _ = compare_with(record(text=f"{text}\nsame", path="SSE42"))
    assert status == 1


def test_a_missing_line_fails(compare_with):
    status, _ = compare_with(record(text="a 1.25, b 300", path="SSE42"))
    assert status == 1


def test_a_chapter_that_is_missing_fails(compare_with):
    other = record()
    other["chapters"] = {}
    status, output = compare_with(other)
    assert status == 1
    assert "missing" in output


def test_a_comparison_without_a_reference_fails(tmp_path):
    assert compare.main(str(tmp_path)) == 1
