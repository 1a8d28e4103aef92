"""The optimizers of the book, one file each. ``base`` has the contract that they follow."""

from adaptive_optim.optimizers.adagrad import Adagrad, AdagradState
from adaptive_optim.optimizers.adam import Adam, AdamState
from adaptive_optim.optimizers.base import Array, Optimizer, OptimizerBase, Step
from adaptive_optim.optimizers.momentum import Momentum, MomentumState
from adaptive_optim.optimizers.rmsprop import RMSProp, RMSPropState
from adaptive_optim.optimizers.sgd import SGD, SGDState

OPTIMIZERS = (SGD, Momentum, Adagrad, RMSProp, Adam)
"""Optimizer classes of the book, in the order in which the figures draw them."""

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "AdagradState",
    "Adam",
    "AdamState",
    "Array",
    "Momentum",
    "MomentumState",
    "Optimizer",
    "OptimizerBase",
    "RMSProp",
    "RMSPropState",
    "SGDState",
    "Step",
]
