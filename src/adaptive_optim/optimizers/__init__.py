"""The optimizers, one file each. ``base`` has the contract that they follow."""

from adaptive_optim.optimizers.adadelta import Adadelta, AdadeltaState
from adaptive_optim.optimizers.adafactor import Adafactor, AdafactorState
from adaptive_optim.optimizers.adagrad import Adagrad, AdagradState
from adaptive_optim.optimizers.adam import Adam, AdamState
from adaptive_optim.optimizers.adamw import AdamW
from adaptive_optim.optimizers.amsgrad import AMSGrad, AMSGradState
from adaptive_optim.optimizers.base import Array, Optimizer, OptimizerBase, Step
from adaptive_optim.optimizers.centered_rmsprop import CenteredRMSProp, CenteredRMSPropState
from adaptive_optim.optimizers.full_matrix_adagrad import FullMatrixAdagrad, FullMatrixAdagradState
from adaptive_optim.optimizers.lion import Lion, LionState
from adaptive_optim.optimizers.momentum import Momentum, MomentumState
from adaptive_optim.optimizers.muon import Muon
from adaptive_optim.optimizers.nadam import NAdam
from adaptive_optim.optimizers.nesterov import Nesterov
from adaptive_optim.optimizers.rmsprop import RMSProp, RMSPropState
from adaptive_optim.optimizers.rowwise_adagrad import RowwiseAdagrad, RowwiseAdagradState
from adaptive_optim.optimizers.sgd import SGD, SGDState
from adaptive_optim.optimizers.shampoo import Shampoo, ShampooState
from adaptive_optim.optimizers.signsgd import SignSGD, SignSGDState
from adaptive_optim.optimizers.soap import SOAP, SOAPState

OPTIMIZERS = (SGD, Momentum, Adagrad, RMSProp, Adam)
"""Optimizer classes of the book, in the order in which the figures draw them."""

ALL_OPTIMIZERS = (
    *OPTIMIZERS,
    Nesterov,
    CenteredRMSProp,
    Adadelta,
    AdamW,
    AMSGrad,
    NAdam,
    Lion,
    SignSGD,
    RowwiseAdagrad,
    Adafactor,
    FullMatrixAdagrad,
    Shampoo,
    SOAP,
    Muon,
)
"""All optimizer classes: those of the book, then the elementwise ones, those of tables, and those of matrices."""

__all__ = [
    "ALL_OPTIMIZERS",
    "OPTIMIZERS",
    "SGD",
    "SOAP",
    "AMSGrad",
    "AMSGradState",
    "Adadelta",
    "AdadeltaState",
    "Adafactor",
    "AdafactorState",
    "Adagrad",
    "AdagradState",
    "Adam",
    "AdamState",
    "AdamW",
    "Array",
    "CenteredRMSProp",
    "CenteredRMSPropState",
    "FullMatrixAdagrad",
    "FullMatrixAdagradState",
    "Lion",
    "LionState",
    "Momentum",
    "MomentumState",
    "Muon",
    "NAdam",
    "Nesterov",
    "Optimizer",
    "OptimizerBase",
    "RMSProp",
    "RMSPropState",
    "RowwiseAdagrad",
    "RowwiseAdagradState",
    "SGDState",
    "SOAPState",
    "Shampoo",
    "ShampooState",
    "SignSGD",
    "SignSGDState",
    "Step",
]
