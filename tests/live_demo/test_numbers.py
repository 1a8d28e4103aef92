"""The live demo computes in the browser what adaptive_optim computes in Python."""

import base64
import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adaptive_optim import SGD, Adagrad, Adam, Momentum, RMSProp, SparseRegression, minimize

ROOT = Path(__file__).parents[2]
DATA = ROOT / "_build" / "live_demo" / "data.json"
NODE = Path(sys.executable).with_name("node")

NUM_STATES = 300
DECAYS = (0, 0.5, 0.9, 0.99, 0.999, 0.9999)
RATES = (1e-4, 0.00315, 0.05, 0.4, 1, 10)


def random_state(rng):
    """A state of every knob, more or less mad."""
    names = np.array(["SGD", "Momentum", "Adagrad", "RMSProp", "Adam"])
    shown = names[rng.random(5) < 0.8]
    num_steps = int(rng.choice([50, 130, 130, 400, 400, 2000]))
    state = {name: float(rng.choice(RATES)) for name in names}
    return state | {
        "activity": int(rng.integers(1, 101)),
        "step": int(rng.integers(0, num_steps + 1)),
        "num_steps": num_steps,
        "shown": shown.tolist() or ["Adam"],
        "one_rate": bool(rng.random() < 0.2),
        "learning_rate": float(rng.choice(RATES)),
        "beta": float(rng.choice(DECAYS)),
        "rho": float(rng.choice(DECAYS)),
        "beta1": float(rng.choice(DECAYS)),
        "beta2": float(rng.choice(DECAYS)),
        "bias_correction": bool(rng.random() < 0.7),
        "eps": float(rng.choice([1e-10, 1e-8, 1e-3, 1])),
        "batch_size": int(rng.choice([1, 4, 16, 400])),
        "noise": float(rng.choice([0, 0.3, 0.85, 1])),
        "seed": int(rng.integers(0, 4)),
        "theta1": round(float(rng.uniform(-1.5, 2.4)), 2),
        "theta2": round(float(rng.uniform(-1.5, 2.4)), 2),
    }


def answers_of_node(states):
    if not DATA.is_file():
        pytest.fail(f"{DATA} is missing: run make book first", pytrace=False)
    script = Path(__file__).with_name("run_states.mjs")
    done = subprocess.run(
        [NODE, script, DATA],
        input=json.dumps(states),
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def numbers(text):
    return np.frombuffer(base64.b64decode(text), "<f8")


def in_python(state):
    """The problem and the runs of a state."""
    problem = SparseRegression(
        activity=state["activity"] / 100, noise=state["noise"], batch_size=state["batch_size"], seed=state["seed"]
    )
    rate = {name: state["learning_rate"] if state["one_rate"] else state[name] for name in state["shown"]}
    eps = state["eps"]
    make = {
        "SGD": lambda rate: SGD(rate),
        "Momentum": lambda rate: Momentum(rate, state["beta"]),
        "Adagrad": lambda rate: Adagrad(rate, eps=eps),
        "RMSProp": lambda rate: RMSProp(rate, state["rho"], eps),
        "Adam": lambda rate: Adam(rate, state["beta1"], state["beta2"], eps, state["bias_correction"]),
    }
    start = [state["theta1"], state["theta2"]]
    return problem, {
        name: minimize(make[name](rate[name]), problem.gradient, start, state["num_steps"])
        for name in state["shown"]
    }


@pytest.fixture(scope="module")
def answers():
    """States, what the demo makes of each, and what the package makes of it."""
    rng = np.random.default_rng(0)
    states = [random_state(rng) for _ in range(NUM_STATES)]
    return [
        (state, answer, *in_python(state)) for state, answer in zip(states, answers_of_node(states), strict=True)
    ]


def test_a_link_gives_back_every_state(answers):
    for state, answer, *_ in answers:
        assert answer["ignored"] == []
        assert {name: answer["state"][name] for name in state} == state


def test_trajectories_and_rates_are_those_of_the_package(answers):
    diverged = 0
    for state, answer, problem, runs in answers:
        np.testing.assert_allclose(answer["minimum"], problem.minimum, rtol=1e-12)
        assert [run["name"] for run in answer["runs"]] == list(runs)
        for run in answer["runs"]:
            expected = runs[run["name"]]
            assert run["divergedAt"] == expected.diverged_at, (state, run["name"])
            diverged += bool(expected.diverged)
            for i in (0, 1):
                for key, values in (("params", expected.params), ("rates", expected.rates)):
                    message = f"{key} of {run['name']} in {state}"
                    np.testing.assert_array_equal(numbers(run[key][i]), values[:, i], err_msg=message)
    assert diverged >= 30


def test_losses_are_those_of_the_package(answers):
    for _, answer, problem, runs in answers:
        for run in answer["runs"]:
            loss, expected = numbers(run["losses"]), problem.excess_loss(runs[run["name"]].params)
            there = np.isfinite(expected)
            np.testing.assert_array_equal(loss[~there], expected[~there])
            loss, expected = loss[there], expected[there]
            # The minimum is found by other arithmetic. A weight's distance from it is off by some 1e-15.
            room = 1e-10 * expected + 1e-14 * np.sqrt(expected) + 1e-28
            assert (np.abs(loss - expected) <= room).all()


def test_every_optimizer_and_every_kind_of_batch_was_there(answers):
    names = {run["name"] for _, answer, *_ in answers for run in answer["runs"]}
    assert len(names) == 5
    for knob, count in (("batch_size", 4), ("seed", 4), ("bias_correction", 2), ("rho", len(DECAYS))):
        assert len({state[knob] for state, *_ in answers}) == count, knob


def test_the_python_of_a_state_prints_its_parameters_to_the_last_digit(answers):
    for _, answer, *_ in answers[:60]:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(answer["python"], {})
        printed = [line.split() for line in output.getvalue().splitlines()]
        assert printed == [[run["name"], *run["printed"]] for run in answer["runs"]], answer["python"]


def test_the_python_of_a_state_is_formatted_and_says_every_setting(answers):
    for state, answer, *_ in answers[:60]:
        python = answer["python"]
        assert not re.search(r"[^\x20-\x7e\n]| $", python, re.MULTILINE)
        for name in state["shown"]:
            assert python.count(f"    {name}(learning_rate=") == 1


def test_a_preset_is_a_state_that_a_link_can_carry():
    presets = json.loads((ROOT / "book" / "live_demo" / "presets.json").read_text(encoding="utf-8"))
    states = [preset["state"] for preset in presets.values()]
    for state, answer in zip(states, answers_of_node(states), strict=True):
        assert answer["ignored"] == []
        assert answer["state"].items() >= state.items()
