"""Optimizers that fail, in a module that worker processes can import."""

import os
import time
from typing import ClassVar

import numpy as np

from adaptive_optim import SGD


class Failing(SGD):
    """Raises an error if a rate is above 1."""

    def step(self, state, grad):
        if np.any(self.learning_rate > 1):
            raise ArithmeticError("rate above 1")
        return super().step(state, grad)


class Exiting(SGD):
    """Terminates its process, as the operating system does when it runs out of memory."""

    def step(self, state, grad):
        os._exit(3)


class Interrupting(SGD):
    """Raises ``KeyboardInterrupt`` if a rate is above 1. Other steps are slow and recorded."""

    steps: ClassVar[list] = []

    def step(self, state, grad):
        self.steps.append(self.learning_rate)
        if np.any(self.learning_rate > 1):
            raise KeyboardInterrupt
        time.sleep(0.02)
        return super().step(state, grad)
