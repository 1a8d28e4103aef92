"""Adaptive optimizers that return their effective learning rates."""

from adaptive_optim import schedules
from adaptive_optim.checks import check_optimizer
from adaptive_optim.figures import (
    plot_activity_slider,
    plot_bands,
    plot_curves,
    plot_layer_rates,
    plot_leaders,
    plot_paths,
    plot_playback,
    plot_rate_bars,
    plot_rate_histogram,
    plot_rate_map,
    plot_rates,
    plot_row_rates,
    plot_seeds,
)
from adaptive_optim.inspection import (
    RateHistogram,
    RateRecord,
    RateRecorder,
    effective_rates,
    rate_histogram,
)
from adaptive_optim.intervals import Leader, leader, median_interval, significantly_above, wilson_interval
from adaptive_optim.optimizers import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    AdagradState,
    Adam,
    AdamState,
    Momentum,
    MomentumState,
    Optimizer,
    OptimizerBase,
    RMSProp,
    RMSPropState,
    SGDState,
    Step,
)
from adaptive_optim.problems import ProblemStack, Quadratic, SparseRegression
from adaptive_optim.skipgram import Batch, SkipGram, TrainingResult, train
from adaptive_optim.sparse import RowStep, update_rows
from adaptive_optim.sweeps import TuningResult, sweep, tune
from adaptive_optim.text import Corpus, package_docstrings
from adaptive_optim.trajectory import Trajectory, minimize
from adaptive_optim.workers import process_pool

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "AdagradState",
    "Adam",
    "AdamState",
    "Batch",
    "Corpus",
    "Leader",
    "Momentum",
    "MomentumState",
    "Optimizer",
    "OptimizerBase",
    "ProblemStack",
    "Quadratic",
    "RMSProp",
    "RMSPropState",
    "RateHistogram",
    "RateRecord",
    "RateRecorder",
    "RowStep",
    "SGDState",
    "SkipGram",
    "SparseRegression",
    "Step",
    "TrainingResult",
    "Trajectory",
    "TuningResult",
    "check_optimizer",
    "effective_rates",
    "leader",
    "median_interval",
    "minimize",
    "package_docstrings",
    "plot_activity_slider",
    "plot_bands",
    "plot_curves",
    "plot_layer_rates",
    "plot_leaders",
    "plot_paths",
    "plot_playback",
    "plot_rate_bars",
    "plot_rate_histogram",
    "plot_rate_map",
    "plot_rates",
    "plot_row_rates",
    "plot_seeds",
    "process_pool",
    "rate_histogram",
    "schedules",
    "significantly_above",
    "sweep",
    "train",
    "tune",
    "update_rows",
    "wilson_interval",
]
