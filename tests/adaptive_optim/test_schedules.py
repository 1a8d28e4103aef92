"""Schedules have the values of their formulas, and a factor that is none raises an error."""

import pickle
import re
from math import cos, inf, nan, pi

import numpy as np
import pytest

from adaptive_optim import SGD, Corpus, SkipGram, minimize, schedules, train, update_rows
from adaptive_optim.schedules import constant, cosine, inverse_root, inverse_time, linear_warmup

ALL = {
    constant(0.25): lambda t: 0.25,
    constant(): lambda t: 1.0,
    inverse_time(20): lambda t: 20 / (20 + t),
    inverse_root(0.5): lambda t: (1 + 2 * t) ** -0.5,
    cosine(50): lambda t: 0.5 + 0.5 * cos(pi * t / 50) if t < 50 else 0.0,
    cosine(7, final=0.1): lambda t: 0.55 + 0.45 * cos(pi * t / 7) if t < 7 else 0.1,
    linear_warmup(10): lambda t: t / 10 if t < 10 else 1.0,
    linear_warmup(10) * cosine(50): lambda t: min(t / 10, 1) * (0.5 + 0.5 * cos(pi * min(t, 50) / 50)),
    linear_warmup(4) * abs: lambda t: min(t / 4, 1) * t,
    abs * linear_warmup(4) * constant(0.5): lambda t: min(t / 4, 1) * t / 2,
}
STEPS = range(70)


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_a_schedule_has_the_values_of_its_formula_and_can_be_pickled(schedule):
    values = [schedule(step) for step in STEPS]
    np.testing.assert_allclose(values, [ALL[schedule](step) for step in STEPS], rtol=1e-13, atol=1e-15)
    copy = pickle.loads(pickle.dumps(schedule))
    assert copy == schedule
    assert [copy(step) for step in STEPS] == values


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: constant(-1), "factor=-1: must be a finite number of at least 0"),
        (lambda: constant(nan), "factor=nan: must be a finite number of at least 0"),
        (lambda: inverse_time(0), "scale=0: must be a finite number above 0"),
        (lambda: inverse_root(inf), "scale=inf: must be a finite number above 0"),
        (lambda: cosine(0), "num_steps=0: must be an integer of at least 1"),
        (lambda: cosine(5, final=-0.1), "final=-0.1: must be a finite number of at least 0"),
        (lambda: linear_warmup(2.5), "num_steps=2.5: must be an integer of at least 1"),
    ],
)
def test_an_invalid_argument_raises_an_error_that_names_it(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_a_schedule_is_multiplied_by_functions_only():
    with pytest.raises(TypeError):
        cosine(5) * 2
    with pytest.raises(TypeError):
        2 * cosine(5)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (0.5, "schedule=0.5: must be a function of the step"),
        *[
            (
                lambda step, bad=bad: bad,
                f"schedule: returned {bad!r} at step 0, must be a finite number of at least 0",
            )
            for bad in (-0.1, nan, inf, None, "a", [1.0, 2.0])
        ],
    ],
)
def test_an_invalid_schedule_raises_an_error_everywhere(schedule, message):
    table = np.ones((3, 2))
    model = SkipGram(Corpus("the cat sat. The dog sat. " * 200), dim=2)
    for function in (
        lambda: minimize(SGD(), lambda params, step: params, [1.0], 3, schedule=schedule),
        lambda: update_rows(SGD(), table, SGD().init(table), [0], np.ones((1, 2)), schedule=schedule, step=0),
        lambda: train(model, SGD(), 3, seed=0, schedule=schedule),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            function()
    assert (table == 1).all()


def test_the_names_of_the_module_are_public():
    assert schedules.cosine is cosine
