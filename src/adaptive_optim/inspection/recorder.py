"""Recording of the rates in a training loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.inspection.arguments import Names, name_pairs, validate_integer, validate_quantiles
from adaptive_optim.inspection.arithmetic import Array, Rates
from adaptive_optim.inspection.rates import make_reader
from adaptive_optim.inspection.reader import Reader

MAX_SAMPLES = 20_000  # coordinates of a tensor that its quantiles are computed from


class RateRecord(NamedTuple):
    """Result of a :class:`RateRecorder`."""

    steps: Any
    """Steps at which rates were read, counted from 1, ``(records,)``."""
    quantiles: Any
    """Orders of the quantiles, ``(quantiles,)``."""
    rates: Mapping[str, Any]
    """Quantiles of the effective rates of each parameter tensor, ``(records, quantiles)``; ``nan`` as long as no
    coordinate of it has had a gradient."""
    no_gradient: Mapping[str, Any]
    """Share of the coordinates of each parameter tensor without any gradient so far, ``(records,)``."""


class RateRecorder:
    """Record quantiles of the effective learning rates of each parameter tensor in a training loop.

    As a context manager, it adds hooks to an optimizer of ``torch.optim``, which call it at each step. Otherwise
    call :meth:`before_step` and :meth:`after_step` in the loop.

    Parameters
    ----------
    optimizer : object, optional
        An optimizer of ``torch.optim`` or Keras that :func:`effective_rates` supports, or Adadelta, or torch's
        Adafactor. Not for Optax, whose states are given to each call.
    every : int, default 100
        Rates are read at the steps ``every``, ``2 * every``, and so on.
    names, settings
        As for :func:`effective_rates`.
    quantiles : sequence of float, default (0.05, 0.25, 0.5, 0.75, 0.95)
        Orders of the quantiles, from 0 to 1, in increasing order.
    keep_last : bool, default False
        Whether ``last_rates`` keeps all rates of the last reading, as :func:`effective_rates` returns them.

    Raises
    ------
    ValueError
        If an argument is not valid, or :func:`effective_rates` raises it.

    Notes
    -----
    The quantiles of a tensor with more than 20,000 coordinates are those of a random sample of 20,000, which is the
    same at each step.

    The names of torch's hooks are ``register_step_pre_hook`` and ``register_step_post_hook``. Steps with a closure
    are recorded like others. A step that a gradient scaler skips is not counted.

    Keras has no such hooks. In a loop of your own, call both methods around ``optimizer.apply``. In ``model.fit``
    use ``keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: recorder.before_step(),
    on_train_batch_end=lambda batch, logs: recorder.after_step())``.

    Examples
    --------
    In PyTorch::

        recorder = RateRecorder(optimizer, every=100, names=model.named_parameters())
        with recorder:
            train(model, optimizer)
        plot_layer_rates(recorder.record, alt="...")

    In JAX::

        recorder = RateRecorder(settings={"optimizer": "adam", "learning_rate": 0.001})
        for batch in batches:
            recorder.before_step(state)
            params, state = step(params, state, batch)
            recorder.after_step(state)

    Arguments are validated at once:

    >>> from adaptive_optim import RateRecorder
    >>> RateRecorder(every=0)
    Traceback (most recent call last):
    ...
    ValueError: every=0: must be an integer of at least 1
    """

    def __init__(
        self,
        optimizer: Any = None,
        *,
        every: int = 100,
        names: Names = None,
        settings: Mapping[str, Any] | None = None,
        quantiles: ArrayLike = (0.05, 0.25, 0.5, 0.75, 0.95),
        keep_last: bool = False,
    ) -> None:
        self.last_rates: Rates = {}
        self._every = validate_integer("every", every)
        self._quantiles = validate_quantiles(quantiles)
        self._optimizer, self._settings = optimizer, settings
        # Wrong arguments raise here, not in the middle of a training.
        self._reader: Reader | None = None
        if optimizer is not None:
            self._reader = make_reader(optimizer, settings, names)
            if self._reader.reads_states:
                raise ValueError(
                    "optimizer: is the state of an Optax optimizer; give it to before_step and after_step"
                )
        elif name_pairs(names) is not None:
            raise ValueError("names: only for an optimizer of torch.optim; give it to the recorder")
        self._hooks: list[Any] = []
        self._keep_last = keep_last
        self._step = 0
        self._before: Any = None
        self._samples: dict[int, Any] = {}
        self._summaries: list[tuple[int, dict[str, tuple[Any, float]]]] = []

    def __enter__(self) -> RateRecorder:
        """Register the hooks of an optimizer of torch.optim."""
        if self._reader is None or not self._reader.has_hooks:
            raise ValueError(
                "optimizer: only those of torch.optim have hooks; call before_step and after_step in your loop"
            )
        if self._hooks:
            raise ValueError("optimizer: is already recorded; leave the first context before you enter another")
        self._hooks = [
            self._optimizer.register_step_pre_hook(lambda *_: self.before_step()),
            self._optimizer.register_step_post_hook(lambda *_: self.after_step()),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def before_step(self, state: Any = None) -> None:
        """Read values that the step overwrites. Only Adadelta and Adafactor need this call.

        Parameters
        ----------
        state : optional
            State of an Optax optimizer before the step.
        """
        if (self._step + 1) % self._every == 0:
            reader, optimizer = self._reader_for(state)
            self._before = reader.read_before(optimizer)

    def after_step(self, state: Any = None) -> None:
        """Count a step, and read the rates at every ``every``-th one.

        Parameters
        ----------
        state : optional
            State of an Optax optimizer after the step.
        """
        self._step += 1
        if self._step % self._every:
            return
        reader, optimizer = self._reader_for(state)
        before, self._before = self._before, None
        rates = reader.rates(optimizer, before)
        if self._keep_last:
            self.last_rates = rates
        self._summaries.append((self._step, {name: self._summarize(array) for name, array in rates.items()}))

    @property
    def record(self) -> RateRecord:
        """Everything recorded so far."""
        names = list(dict.fromkeys(name for _, summary in self._summaries for name in summary))
        missing = np.full(len(self._quantiles), np.nan), 1.0
        columns = {name: [summary.get(name, missing) for _, summary in self._summaries] for name in names}
        return RateRecord(
            np.array([step for step, _ in self._summaries], int),
            self._quantiles,
            {name: np.array([quantiles for quantiles, _ in column]) for name, column in columns.items()},
            {name: np.array([share for _, share in column]) for name, column in columns.items()},
        )

    def _reader_for(self, state: Any) -> tuple[Reader, Any]:
        """Return a reader, and the optimizer or state that it reads."""
        if self._reader is not None:
            if state is not None:
                raise ValueError("state: only for Optax; the recorder already has an optimizer")
            return self._reader, self._optimizer
        if state is None:
            raise ValueError("state: give the state of the Optax optimizer, or an optimizer to the recorder")
        return make_reader(state, self._settings, None), state

    def _summarize(self, rates: Array) -> tuple[Any, float]:
        """Return the quantiles of the rates, and the share of coordinates without a rate."""
        rates = rates.ravel()
        if rates.size > MAX_SAMPLES:
            if rates.size not in self._samples:
                self._samples[rates.size] = np.random.default_rng(0).integers(rates.size, size=MAX_SAMPLES)
            rates = rates[self._samples[rates.size]]
        present = rates[~np.isnan(rates)]
        share = 1 - present.size / max(rates.size, 1)
        if not present.size:
            return np.full(len(self._quantiles), np.nan), share
        return np.quantile(present, self._quantiles).astype(float), share
