"""Adaptive optimizers that return their effective learning rates."""

from adaptive_optim.figures import (
    plot_activity_slider,
    plot_bands,
    plot_curves,
    plot_leaders,
    plot_paths,
    plot_playback,
    plot_rate_bars,
    plot_rates,
    plot_seeds,
)
from adaptive_optim.intervals import Leader, leader, median_interval, significantly_above, wilson_interval
from adaptive_optim.optimizers import OPTIMIZERS, SGD, Adagrad, Adam, Momentum, Optimizer, RMSProp, Step
from adaptive_optim.problems import Problem, ProblemStack, Quadratic, SparseRegression
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
    "Adam",
    "Batch",
    "Corpus",
    "Leader",
    "Momentum",
    "Optimizer",
    "Problem",
    "ProblemStack",
    "Quadratic",
    "RMSProp",
    "RowStep",
    "SkipGram",
    "SparseRegression",
    "Step",
    "TrainingResult",
    "Trajectory",
    "TuningResult",
    "leader",
    "median_interval",
    "minimize",
    "package_docstrings",
    "plot_activity_slider",
    "plot_bands",
    "plot_curves",
    "plot_leaders",
    "plot_paths",
    "plot_playback",
    "plot_rate_bars",
    "plot_rates",
    "plot_seeds",
    "process_pool",
    "significantly_above",
    "sweep",
    "train",
    "tune",
    "update_rows",
    "wilson_interval",
]
