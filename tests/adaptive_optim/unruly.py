"""Optimizers that go wrong: in a module of their own, which a worker process can import."""

import os
import time
from typing import ClassVar

import numpy as np

from adaptive_optim import SGD


class Failing(SGD):
    """Fails where a rate is above 1."""

    def step(self, state, grad):
        if np.any(self.learning_rate > 1):
            raise ArithmeticError("out of luck")
        return super().step(state, grad)


class Dying(SGD):
    """Takes its process with it, as an end of memory does."""

    def step(self, state, grad):
        os._exit(3)


class Interrupting(SGD):
    """Is interrupted where a rate is above 1, as by Ctrl-C. All other steps are slow, and noted."""

    steps: ClassVar[list] = []

    def step(self, state, grad):
        self.steps.append(self.learning_rate)
        if np.any(self.learning_rate > 1):
            raise KeyboardInterrupt
        time.sleep(0.02)
        return super().step(state, grad)
