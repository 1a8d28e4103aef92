"""The check of an optimizer accepts those of the package and names each planted mistake."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from adaptive_optim import OPTIMIZERS, SGD, Adam, OptimizerBase, SGDState, Step, check_optimizer


class AMSGradState(NamedTuple):
    m: Any
    v: Any
    v_max: Any


@dataclass(frozen=True)
class AMSGrad(OptimizerBase):
    learning_rate: Any = 0.01
    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8

    def init(self, params):
        return AMSGradState(*(np.zeros_like(params) for _ in range(3)))

    def step(self, state, grad):
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * grad**2
        v_max = np.maximum(state.v_max, v)
        return Step(AMSGradState(m, v, v_max), self.learning_rate / (np.sqrt(v_max) + self.eps), m)


@dataclass(frozen=True)
class WithoutBase:
    learning_rate: Any = 0.01
    mode: Any = "plain"

    def init(self, params):
        return SGDState()

    def step(self, state, grad):
        return Step(state, self.learning_rate * np.ones_like(grad), grad)


@dataclass(frozen=True)
class OfMatrices(AMSGrad):
    """An optimizer that takes matrices only."""

    is_elementwise: ClassVar[bool] = False

    def step(self, state, grad):
        step = super().step(state, grad)
        return step._replace(direction=grad @ grad.T @ grad)


@pytest.mark.parametrize(
    "optimizer",
    [AMSGrad, OfMatrices, AMSGrad([0.1, 0.2, 0.3]), WithoutBase, *OPTIMIZERS, Adam(0.1, bias_correction=False)],
)
def test_a_correct_optimizer_passes(optimizer):
    check_optimizer(optimizer)


# Each mistake is a change of AMSGrad.


class DividesByZero(AMSGrad):
    def step(self, state, grad):
        step = super().step(state, grad)
        return step._replace(rate=self.learning_rate / np.sqrt(step.state.v_max))


class WorksInPlace(AMSGrad):
    def step(self, state, grad):
        np.maximum(state.v_max, grad**2, out=state.v_max)
        return super().step(state, grad)


class IsFloat64(AMSGrad):
    def init(self, params):
        return AMSGradState(*(np.zeros(np.shape(params)) for _ in range(3)))


class HasOneRate(AMSGrad):
    def step(self, state, grad):
        return super().step(state, grad)._replace(rate=self.learning_rate)


class MixesRuns(AMSGrad):
    def step(self, state, grad):
        step = super().step(state, grad)
        return step._replace(rate=step.rate / np.sqrt(np.sum(grad**2) + 1))


class TakesNoArrays(AMSGrad):
    def step(self, state, grad):
        step = super().step(state, grad)
        return step if self.beta1 > 0.5 else step._replace(direction=grad)


class HasANegativeRate(AMSGrad):
    def step(self, state, grad):
        step = super().step(state, grad)
        return step._replace(rate=-step.rate, direction=-step.direction)


class ReturnsATuple(AMSGrad):
    def step(self, state, grad):
        return tuple(super().step(state, grad))[:3]


class ChangesTheShapeOfItsState(AMSGrad):
    def step(self, state, grad):
        step = super().step(state, grad)
        return step._replace(state=step.state._replace(m=step.state.m.sum()))


class ChangesTheTypeOfItsState(AMSGrad):
    def step(self, state, grad):
        return super().step(state, grad)._replace(state=Adam().init(grad))


class IsFloat64ForMatrices(OfMatrices):
    def init(self, params):
        return AMSGradState(*(np.zeros(np.shape(params)) for _ in range(3)))


class IsRandom(AMSGrad):
    rng = np.random.default_rng(0)

    def step(self, state, grad):
        step = super().step(state, grad)
        return step._replace(rate=step.rate * self.rng.uniform(0.5, 1))


class HasNoNames(AMSGrad):
    def init(self, params):
        return (np.zeros_like(params),)


class CannotBePickled(AMSGrad):
    def init(self, params):
        class LocalState(NamedTuple):
            m: Any

        return LocalState(np.zeros_like(params))


class RaisesAnError(AMSGrad):
    def step(self, state, grad):
        return state.velocity


class IsNotDecorated(AMSGrad):
    weight_decay: Any = 0.1


class IsNoDataclass:
    learning_rate = 0.1


@dataclass
class IsNotFrozen:
    learning_rate: Any = 0.1


@dataclass(frozen=True)
class HasNothing:
    rate: Any = 0.1


@dataclass(frozen=True)
class HasATuple(WithoutBase):
    betas: Any = (0.9, 0.999)


@dataclass(frozen=True)
class HasNoDefault:
    learning_rate: Any
    init, step = SGD.init, SGD.step


class HasThreeMistakes(DividesByZero, WorksInPlace, IsFloat64):
    """Steps in place, with float64, without eps."""


GRAD = "array([ 3. , -0.5,  2. ])"
NO_EPS = "step 0, gradient array([0., 0., 0.]): the step is array([nan, nan, nan]), must be finite; is eps missing?"
IN_PLACE = f"step, gradient {GRAD}: changes state.v_max in place, must create a new array"
FLOAT64 = (
    "step 0, gradient float32: state.m is float64, state.v is float64, state.v_max is float64, rate is float64, "
)
NOT_FROZEN = "class: must be a frozen dataclass; write @dataclass(frozen=True) above it"
# The beginnings of all lines of the message.
MISTAKES = {
    WorksInPlace: [IN_PLACE],
    IsFloat64: [FLOAT64],
    IsFloat64ForMatrices: [FLOAT64],
    HasOneRate: [f"step {number}, gradient " for number in range(4)],
    MixesRuns: [f"step, run {run} of 2 side by side, gradient (2, 3): rate is array([" for run in range(2)],
    TakesNoArrays: ["step, beta1=np.full((2, 1), 0.9), gradient (2, 3), run 0: raised ValueError: The truth value"],
    HasANegativeRate: [f"step 0, gradient {GRAD}: rate is array([-"],
    ReturnsATuple: [f"step 0, gradient {GRAD}: returned a tuple, must be Step(state, rate, direction)"],
    ChangesTheShapeOfItsState: [f"step 0, gradient {GRAD}: state.m has shape (), must be (3,) as from init"],
    ChangesTheTypeOfItsState: [f"step 0, gradient {GRAD}: state is a AdamState, must be a AMSGradState"],
    IsRandom: [f"step, gradient {GRAD}, called twice: different results for rate, must be equal"],
    HasNoNames: ["init, params array([1., 1., 1.]): returned (array([0., 0., 0.]),), must be a NamedTuple"],
    CannotBePickled: ["state: cannot be pickled ("],
    RaisesAnError: ["check of step: raised AttributeError: 'AMSGradState' object has no attribute 'velocity'"],
    IsNotDecorated: ["class: weight_decay is no setting; write @dataclass(frozen=True) above the class"],
    IsNoDataclass: [NOT_FROZEN],
    IsNotFrozen: [NOT_FROZEN],
    HasNothing: ["class: has no method init", "class: has no method step", "class: has no setting learning_rate"],
    HasATuple: ["class, without arguments: betas=(0.9, 0.999): must be a number, an array"],
    HasNoDefault: ["class, without arguments: "],
    HasThreeMistakes: [IN_PLACE, FLOAT64, NO_EPS],
}


@pytest.mark.parametrize("optimizer", MISTAKES)
def test_a_mistake_is_named_with_its_input(optimizer):
    with pytest.raises(AssertionError) as caught:
        check_optimizer(optimizer)
    head, *lines = str(caught.value).split("\n- ")
    assert head == f"{optimizer.__name__} does not follow the contract of an optimizer:"
    assert len(lines) == len(MISTAKES[optimizer]), lines
    for line, start in zip(lines, MISTAKES[optimizer], strict=True):
        assert line.startswith(start)


def test_a_zero_gradient_needs_eps():
    with pytest.raises(AssertionError) as caught:
        check_optimizer(DividesByZero(0.1))
    assert f"\n- {NO_EPS}" in str(caught.value)
