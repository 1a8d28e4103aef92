"""The live demo computes the same numbers in JavaScript as adaptive_optim does in Python."""

import base64
import contextlib
import io
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest

from adaptive_optim import SGD, Adagrad, Adam, Momentum, RMSProp, SparseRegression, minimize

ROOT = Path(__file__).parents[2]
DATA = ROOT / "_build" / "live_demo" / "data.json"
NODE = Path(sys.executable).with_name("node")

NUM_STATES = 300
NUM_SCRIPTS = 60
OPTIMIZERS = ("SGD", "Momentum", "Adagrad", "RMSProp", "Adam")
DECAYS = (0, 0.5, 0.9, 0.99, 0.999, 0.9999)
RATES = (1e-4, 0.00315, 0.05, 0.4, 1, 10)


def random_state(rng):
    num_steps = rng.choice([50, 130, 130, 400, 400, 2000])
    return {name: rng.choice(RATES) for name in (*OPTIMIZERS, "learning_rate")} | {
        "activity": rng.randint(1, 100),
        "step": rng.randint(0, num_steps),
        "num_steps": num_steps,
        "shown": [name for name in OPTIMIZERS if rng.random() < 0.8],
        "one_rate": rng.random() < 0.2,
        **{name: rng.choice(DECAYS) for name in ("beta", "rho", "beta1", "beta2")},
        "bias_correction": rng.random() < 0.7,
        "eps": rng.choice([1e-10, 1e-8, 1e-3, 1]),
        "batch_size": rng.choice([1, 4, 16, 400]),
        "noise": rng.choice([0, 0.3, 0.85, 1]),
        "seed": rng.randint(0, 3),
        "theta1": round(rng.uniform(-1.5, 2.4), 2),
        "theta2": round(rng.uniform(-1.5, 2.4), 2),
    }


def to_fragment(state):
    def serialize(value):
        if isinstance(value, bool):
            return "yes" if value else "no"
        return " ".join(value) if isinstance(value, list) else str(value)

    return urlencode({name: serialize(value) for name, value in state.items()})


def run_in_javascript(fragments):
    if not DATA.is_file():
        pytest.fail(f"{DATA} is missing: run make book first", pytrace=False)
    command = [NODE, Path(__file__).with_name("run_states.mjs"), DATA]
    done = subprocess.run(
        command, input=json.dumps(fragments), capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def decode(text):
    return np.frombuffer(base64.b64decode(text), "<f8")


def run_in_python(state):
    problem = SparseRegression(
        activity=state["activity"] / 100, noise=state["noise"], batch_size=state["batch_size"], seed=state["seed"]
    )
    rate = {name: state["learning_rate"] if state["one_rate"] else state[name] for name in OPTIMIZERS}
    eps = state["eps"]
    optimizers = {
        "SGD": SGD(rate["SGD"]),
        "Momentum": Momentum(rate["Momentum"], state["beta"]),
        "Adagrad": Adagrad(rate["Adagrad"], eps=eps),
        "RMSProp": RMSProp(rate["RMSProp"], state["rho"], eps),
        "Adam": Adam(rate["Adam"], state["beta1"], state["beta2"], eps, state["bias_correction"]),
    }
    start = [state["theta1"], state["theta2"]]
    return problem, {
        name: minimize(optimizers[name], problem.gradient, start, state["num_steps"]) for name in state["shown"]
    }


@pytest.fixture(scope="module")
def results():
    """Random states, each with what JavaScript and Python compute from it."""
    rng = random.Random(0)
    states = [random_state(rng) for _ in range(NUM_STATES)]
    states[0]["shown"] = []
    computed = run_in_javascript([to_fragment(state) for state in states])
    return [(state, result, *run_in_python(state)) for state, result in zip(states, computed, strict=True)]


def test_a_link_restores_its_state(results):
    for state, result, *_ in results:
        assert result["invalid"] == []
        assert {name: result["state"][name] for name in state} == state


def test_trajectories_and_rates_equal_those_of_the_package(results):
    num_diverged = 0
    for state, result, problem, expected_runs in results:
        np.testing.assert_allclose(result["minimum"], problem.minimum, rtol=1e-12)
        assert [run["name"] for run in result["runs"]] == list(expected_runs)
        for run in result["runs"]:
            expected = expected_runs[run["name"]]
            assert run["divergedAt"] == expected.diverged_at, (state, run["name"])
            num_diverged += bool(expected.diverged)
            for key, values in (("params", expected.params), ("rates", expected.rates)):
                actual = np.stack([decode(text) for text in run[key]], axis=1)
                np.testing.assert_array_equal(actual, values, err_msg=f"{key} of {run['name']} in {state}")
    assert num_diverged >= 30


def test_losses_equal_those_of_the_package(results):
    for _, result, problem, expected_runs in results:
        for run in result["runs"]:
            loss, expected = decode(run["losses"]), problem.excess_loss(expected_runs[run["name"]].params)
            finite = np.isfinite(expected)
            np.testing.assert_array_equal(loss[~finite], expected[~finite])
            loss, expected = loss[finite], expected[finite]
            # The minimum is computed differently, so distances from it differ by about 1e-15.
            tolerance = 1e-10 * expected + 1e-14 * np.sqrt(expected) + 1e-28
            assert (np.abs(loss - expected) <= tolerance).all()


def test_the_python_script_is_ascii_and_prints_the_displayed_parameters(results):
    for state, result, *_ in results[:NUM_SCRIPTS]:
        script = result["python"]
        assert not re.search(r"[^\x20-\x7e\n]| $", script, re.MULTILINE)
        assert re.findall(r"^    (\w+)\(learning_rate=", script, re.MULTILINE) == state["shown"]
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(script, {})
        printed = [line.split() for line in output.getvalue().splitlines()]
        assert printed == [[run["name"], *run["printed"]] for run in result["runs"]], script


def test_a_link_can_carry_every_preset():
    presets = json.loads((ROOT / "book" / "live_demo" / "presets.json").read_text(encoding="utf-8"))
    states = [preset["state"] for preset in presets.values()]
    for state, result in zip(states, run_in_javascript([to_fragment(state) for state in states]), strict=True):
        assert result["invalid"] == []
        assert result["state"].items() >= state.items()


MALFORMED_KEYS = ("__proto__", "constructor", "hasOwnProperty", "", " ", "θ1", "ACTIVITY", "activity[]", "a" * 1000)
MALFORMED_VALUES = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "0x10", "0b1", "1_000", "+5", "--5", "1e", ".5"),
    *("-1", "-0", "1.0000000000000001", "9" * 400, "1e308", "true", "null", "undefined", "[]", "{}", "yes no"),
    *("%", "%E0%A4%A", "%00", "%u0041", "%C0%AF", "%F0%9F%92%A9", "%252525", "\0", "\u202e", "ÿ", "𝒳", "١٢", "５"),
    *("<script>alert(1)</script>", '"><svg onload=alert(1)>', "javascript:alert(1)", "../../etc", "\n", "\t", "#"),
    *("__proto__", "constructor", "toString", "valueOf", "Adam Adam", "Adam SGD", " Adam  ", "Lion", "x" * 2_000),
)


def test_each_invalid_part_of_a_link_is_reported():
    names = ["colour=red", "activity=0", "activity=1e999", "activity=0x10", "noise=NaN", "step=12.5", "step=-1"]
    names += ["shown=Adam Lion", "one_rate=maybe", "bias_correction=constructor", "history=__proto__"]
    names += ["preset=toString", "constructor=1", "batch_size=5", "<b>bold</b>=<i>"]
    (result,) = run_in_javascript([f"theta1=0.5&{'&'.join(names)}&seed=3"])
    assert result["invalid"] == names
    assert result["fragment"] == "seed=3&theta1=0.5"


def test_malformed_links_give_valid_states():
    rng = random.Random(0)
    fragments = []
    for _ in range(NUM_STATES):
        valid = dict(parse_qsl(to_fragment(random_state(rng)))) | {"preset": "rare"}
        parts = []
        for _ in range(rng.choice([1, 2, 3, 8])):
            key = rng.choice([*valid, *MALFORMED_KEYS])
            values = [valid.get(key, "Adam")] * 2 + [rng.choice(MALFORMED_VALUES), 10 ** rng.uniform(-12, 4)]
            parts.append(f"{key}={rng.choice(values)}")
        fragments.append("&".join(parts))
    results = run_in_javascript(fragments)
    assert 0.5 < np.mean([bool(result["fragment"]) for result in results]) < 0.9
    assert 0.5 < np.mean([bool(result["invalid"]) for result in results]) < 0.9
    restored = run_in_javascript([result["fragment"] for result in results])
    assert [result["state"] for result in restored] == [result["state"] for result in results]
    assert not any(result["invalid"] for result in restored)
