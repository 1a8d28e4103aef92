"""Read the effective learning rates of optimizers of PyTorch, Optax and Keras.

No library is imported. An optimizer is recognized by the name and the module of its class, and its state is read
under the names that the library gives it: torch 2.13, Optax 0.2.8 and Keras 3.15.
"""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]
Rates = dict[str, Array]

LARGEST_SAMPLE = 20_000  # coordinates of one tensor from which RateRecorder takes quantiles


def effective_rates(
    optimizer: Any,
    *,
    settings: Mapping[str, Any] | None = None,
    names: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    params: Any = None,
) -> Rates:
    r"""Return the effective learning rates of the last step of an optimizer of PyTorch, Optax or Keras.

    .. math:: \theta_{t+1} = (1 - \text{decay})\, \theta_t - \text{rate}_t \odot \text{direction}_t

    The direction is the gradient, the velocity of momentum, or the bias-corrected mean of the gradients. Call this
    after the optimizer's step and before the step of a learning rate scheduler.

    Parameters
    ----------
    optimizer : object
        An optimizer of ``torch.optim``: SGD, Adagrad, RMSprop, Adam, AdamW, NAdam, RAdam, Adamax or SparseAdam. Or
        a Keras optimizer: SGD, Adagrad, RMSprop, Adam, AdamW, Nadam or Adamax. Or the state of an Optax optimizer,
        also in a chain, in ``multi_transform`` or in ``inject_hyperparams``: sgd, adagrad, rmsprop, adam, adamw,
        nadam, nadamw, radam, adamax, adamaxw or amsgrad. Adadelta (all three) and torch's Adafactor need a value of
        before the step: see :class:`RateRecorder`.
    settings : mapping of str to object, optional
        For an Optax state only, which has no settings: ``"optimizer"``, the name of the Optax function, such as
        ``"adam"``, and the arguments given to it. Arguments left out have the defaults of that function. For
        ``multi_transform`` one such mapping per label.
    names : mapping of str to tensor, or iterable of (str, tensor), optional
        For ``torch.optim`` only: ``model.named_parameters()``. If left out, parameters are called
        ``"group 0, parameter 1"``, unless the optimizer was made from named parameters.
    params : pytree of array, optional
        For the state of Optax's ``sgd`` without momentum only, which has no array: the parameters.

    Returns
    -------
    dict of str to numpy.ndarray
        A rate for each coordinate, in units of the parameter per unit of the direction, by the name of the
        parameter. ``nan`` where the state has no trace of a gradient. SGD without momentum has no state: its rate
        is the learning rate everywhere.

    Raises
    ------
    ValueError
        If the optimizer is not known or has not made a step, a setting or a name is missing, unknown or not allowed
        here, or a parameter is complex. The message names the argument or the class.

    Notes
    -----
    - ``torch.optim``: weight decay of Adam and others is part of the gradient; that of AdamW and Adafactor is
      decoupled. With ``maximize`` the direction is computed from the negated gradient. The rows that SparseAdam did
      not look up have the rate that a look-up at this step would have used.
    - Momentum of RMSprop adds up scaled gradients. The rate is that of the last gradient,
      :math:`\eta / (\sqrt{v} + \epsilon)`, and the direction is the buffer divided by this scale.
    - NAdam adds the gradient to the mean. The rate is what multiplies this sum.
    - Keras adds its epsilon inside the root in Adagrad and RMSprop, and to the uncorrected root in Adam. Its
      momentum contains the learning rate, so the direction is the velocity divided by it, with the opposite sign.
    - Accumulators that decay reach 0 long after the last gradient, in float32 after about 1,000 steps at a decay of
      0.9. Then a coordinate is ``nan`` again.
    - ``float16`` and ``bfloat16`` states give ``float32`` rates.

    References
    ----------
    The update rules in the sources of torch 2.13 (``torch/optim``), Optax 0.2.8 (``optax/_src/transform.py``) and
    Keras 3.15 (``keras/src/optimizers``).

    Examples
    --------
    Of a model in PyTorch::

        optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
        loss(model(inputs), targets).backward()
        optimizer.step()
        rates = effective_rates(optimizer, names=model.named_parameters())

    Of a model in JAX::

        arguments = {"learning_rate": 0.001, "b2": 0.99}
        optimizer = optax.adam(**arguments)
        updates, state = optimizer.update(grads, state)
        rates = effective_rates(state, settings={"optimizer": "adam", **arguments})

    What is not an optimizer of a known library raises an error:

    >>> from adaptive_optim import SGD, effective_rates
    >>> effective_rates(SGD(0.1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: optimizer: adaptive_optim...SGD is not supported. Give an optimizer of torch.optim (...
    """
    return _Reader(optimizer, settings, names).rates(optimizer, None, params)


class RateRecord(NamedTuple):
    """What a :class:`RateRecorder` recorded."""

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

    An optimizer of ``torch.optim`` calls it at each step, as long as it is used as a context. Everywhere else the
    loop calls :meth:`before_step` and :meth:`after_step`.

    Parameters
    ----------
    optimizer : object, optional
        An optimizer of ``torch.optim`` or Keras, as :func:`effective_rates` takes it, or Adadelta, or torch's
        Adafactor. Left out for Optax, whose states are given to each call.
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
        If an argument is not allowed, and for what :func:`effective_rates` raises it.

    Notes
    -----
    The quantiles of a tensor with more than 20,000 coordinates are those of 20,000 coordinates drawn at random, at
    each step the same ones.

    The names of torch's hooks are ``register_step_pre_hook`` and ``register_step_post_hook``. A step with a closure
    is read as any other. A step that a gradient scaler skips does not count.

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

    A recorder reads at least every step:

    >>> from adaptive_optim import RateRecorder
    >>> RateRecorder(every=0)
    Traceback (most recent call last):
    ...
    ValueError: every=0: must be a whole number of at least 1
    """

    def __init__(
        self,
        optimizer: Any = None,
        *,
        every: int = 100,
        names: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        settings: Mapping[str, Any] | None = None,
        quantiles: ArrayLike = (0.05, 0.25, 0.5, 0.75, 0.95),
        keep_last: bool = False,
    ) -> None:
        self.last_rates: Rates = {}
        self._every = _whole_number("every", every)
        self._quantiles = _quantiles(quantiles)
        self._optimizer, self._settings, self._names = optimizer, settings, _named(names)
        # Errors of the arguments are raised here, not in the middle of a training.
        self._reader = None if optimizer is None else _Reader(optimizer, settings, self._names)
        if self._reader is None and names is not None:
            raise ValueError("names: only for an optimizer of torch.optim; give it to the recorder")
        if self._reader is not None and self._reader.library == "optax":
            raise ValueError("optimizer: is the state of an Optax optimizer; give it to before_step and after_step")
        self._hooks: list[Any] = []
        self._keep_last = keep_last
        self._step = 0
        self._before: Any = None
        self._samples: dict[int, Any] = {}
        self._rows: list[tuple[int, dict[str, tuple[Any, float]]]] = []

    def __enter__(self) -> RateRecorder:
        """Register the hooks of an optimizer of torch.optim."""
        if self._reader is None or self._reader.library != "torch":
            raise ValueError(
                "optimizer: only those of torch.optim have hooks; call before_step and after_step in your loop"
            )
        if self._hooks:
            raise ValueError("optimizer: is recorded already; leave the first context before you enter another")
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
        """Read what the step will overwrite. Only Adadelta and Adafactor need this call.

        Parameters
        ----------
        state : optional
            State of an Optax optimizer before the step.
        """
        if (self._step + 1) % self._every == 0:
            reader, optimizer = self._reader_of(state)
            self._before = reader.before(optimizer)

    def after_step(self, state: Any = None) -> None:
        """Count a step, and read the rates if they are due.

        Parameters
        ----------
        state : optional
            State of an Optax optimizer after the step.
        """
        self._step += 1
        if self._step % self._every:
            return
        reader, optimizer = self._reader_of(state)
        before, self._before = self._before, None
        rates = reader.rates(optimizer, before, None)
        if self._keep_last:
            self.last_rates = rates
        self._rows.append((self._step, {name: self._summary(each) for name, each in rates.items()}))

    @property
    def record(self) -> RateRecord:
        """What was recorded so far."""
        names = list(dict.fromkeys(name for _, row in self._rows for name in row))
        unknown = np.full(len(self._quantiles), np.nan), 1.0
        rows = [[row.get(name, unknown) for _, row in self._rows] for name in names]
        return RateRecord(
            np.array([step for step, _ in self._rows], int),
            self._quantiles,
            {name: np.array([each for each, _ in row]) for name, row in zip(names, rows, strict=True)},
            {name: np.array([share for _, share in row]) for name, row in zip(names, rows, strict=True)},
        )

    def _reader_of(self, state: Any) -> tuple[_Reader, Any]:
        if self._reader is not None:
            if state is not None:
                raise ValueError("state: only Optax has states; the recorder has an optimizer already")
            return self._reader, self._optimizer
        if state is None:
            raise ValueError("state: give the state of the Optax optimizer, or an optimizer to the recorder")
        return _Reader(state, self._settings, self._names), state

    def _summary(self, rates: Array) -> tuple[Any, float]:
        rates = rates.ravel()
        if rates.size > LARGEST_SAMPLE:
            if rates.size not in self._samples:
                self._samples[rates.size] = np.random.default_rng(0).integers(rates.size, size=LARGEST_SAMPLE)
            rates = rates[self._samples[rates.size]]
        known = rates[~np.isnan(rates)]
        share = 1 - known.size / max(rates.size, 1)
        if not known.size:
            return np.full(len(self._quantiles), np.nan), share
        return np.quantile(known, self._quantiles).astype(float), share


class RateHistogram(NamedTuple):
    """Histograms of the effective rates of several parameter tensors, as :func:`rate_histogram` returns them."""

    edges: Any
    """Edges of the bins, evenly spaced on a log scale, ``(bins + 1,)``."""
    shares: Mapping[str, Any]
    """Share of the coordinates of each tensor in each bin, ``(bins,)``."""
    no_gradient: Mapping[str, float]
    """Share of the coordinates of each tensor without any gradient so far."""


def rate_histogram(rates: Mapping[str, ArrayLike], bins: int = 60) -> RateHistogram:
    """Count the coordinates of each parameter tensor by their effective rates.

    Parameters
    ----------
    rates : mapping of str to array_like
        Effective rates above 0, or ``nan``, as :func:`effective_rates` returns them.
    bins : int, default 60
        Number of bins between the smallest and the largest rate, the same for all tensors.

    Returns
    -------
    RateHistogram
        The shares of a tensor and its share without gradient add up to 1.

    Raises
    ------
    ValueError
        If a rate is not above 0 or not finite, no rate is a number, or ``bins`` is not a whole number of at least
        1.

    Examples
    --------
    >>> import numpy as np
    >>> from adaptive_optim import rate_histogram
    >>> found = rate_histogram({"weight": [0.01, 0.02, 1.0, np.nan]}, bins=2)
    >>> found.edges.round(3)
    array([0.01, 0.1 , 1.  ])
    >>> found.shares["weight"]
    array([0.5 , 0.25])
    >>> found.no_gradient["weight"]
    0.25
    """
    bins = _whole_number("bins", bins)
    known: dict[str, Any] = {}
    no_gradient: dict[str, float] = {}
    for name, values in rates.items():
        values = np.ravel(np.asarray(values, float))
        known[name] = values[~np.isnan(values)]
        if not (np.isfinite(known[name]) & (known[name] > 0)).all():
            raise ValueError(f"rates: those of {name!r} must be finite numbers above 0, or nan")
        no_gradient[name] = 1 - known[name].size / max(values.size, 1)
    everything = [values for values in known.values() if values.size]
    if not everything:
        raise ValueError("rates: must hold at least one number")
    low, high = min(map(np.min, everything)), max(map(np.max, everything))
    if low == high:
        low, high = low / 1.1, high * 1.1
    edges = np.geomspace(low, high, bins + 1)
    total = {name: np.size(values) for name, values in rates.items()}
    shares = {
        name: np.histogram(values, edges)[0] / max(total[name], 1)  # the last bin has both of its edges
        for name, values in known.items()
    }
    return RateHistogram(edges, shares, no_gradient)


class _Reader:
    """Which library an optimizer is from, and how its rates are read."""

    def __init__(self, optimizer: Any, settings: Any, names: Any) -> None:
        self.names = _named(names)
        self.settings = settings
        optimizer = _inner(optimizer)
        self.library, self.kind = _library(optimizer)
        if self.library == "torch":
            list(_torch_entries(optimizer, self.names))
        elif self.names is not None:
            raise ValueError("names: only for torch.optim; Optax and Keras know the names of their parameters")
        if self.library != "optax" and settings is not None:
            raise ValueError("settings: only for the state of an Optax optimizer; this optimizer has its own")

    def before(self, optimizer: Any) -> Any:
        """Return what is read before a step; None if nothing is needed."""
        optimizer = _inner(optimizer)
        if self.library == "optax":
            return optimizer
        if self.library == "torch" and self.kind in _TORCH_BEFORE:
            read = _TORCH_BEFORE[self.kind]
            return {
                name: read(optimizer.state.get(param), param)
                for name, _, param in _torch_entries(optimizer, self.names)
            }
        if self.library == "keras" and self.kind == "Adadelta" and optimizer.built:
            return [np.array(_keras_array(each)) for each in optimizer._accumulated_delta_vars]
        return None

    def rates(self, optimizer: Any, before: Any, params: Any) -> Rates:
        """Return the rates of the last step, given what was read before it."""
        optimizer = _inner(optimizer)
        if self.library == "optax":
            return _optax_rates(optimizer, self.settings, params, before)
        if params is not None:
            raise ValueError("params: only for the state of Optax's sgd without momentum")
        if self.library == "torch":
            return _torch_rates(optimizer, self.kind, self.names, before)
        return _keras_rates(optimizer, self.kind, before)


def _library(optimizer: Any) -> tuple[str, str]:
    """Return the library of an optimizer, and the name of the class whose rule it follows."""
    if isinstance(optimizer, type):
        raise ValueError(f"optimizer: {_full_name(optimizer)} is a class; give an optimizer made from it")
    classes = type(optimizer).__mro__
    if hasattr(optimizer, "_fields") and {"init", "update"} <= set(optimizer._fields):
        raise ValueError(
            "optimizer: is an Optax GradientTransformation, which holds no state; "
            "give the state that its init and update return"
        )
    for library, module, method, kinds in (
        ("torch", "torch.optim", "step", _TORCH),
        ("keras", "keras", "update_step", _KERAS),
    ):
        own = [each for each in classes if _is_from(each, module)]
        if not own:
            continue
        kind = own[0].__name__
        # A subclass may have another rule. torch puts its hooks around the method of every subclass.
        follows = inspect.unwrap(getattr(type(optimizer), method, _library)) is inspect.unwrap(
            getattr(own[0], method, _library)
        )
        if kind in kinds and follows:
            return library, kind
    if any(_is_from(type(each), "optax") for each in _nodes(optimizer)):
        return "optax", ""
    raise ValueError(
        f"optimizer: {_full_name(type(optimizer))} is not supported. Give an optimizer of torch.optim "
        f"({', '.join(_TORCH)}), the state of an Optax optimizer ({', '.join(_OPTAX)}), or an optimizer of Keras "
        f"({', '.join(_KERAS)}); if it wraps one of these, give that one"
    )


def _inner(optimizer: Any) -> Any:
    """Return the optimizer that Keras has wrapped to scale the loss of low precision, or else the optimizer."""
    is_wrapped = type(optimizer).__name__ == "LossScaleOptimizer" and _is_from(type(optimizer), "keras")
    return optimizer.inner_optimizer if is_wrapped else optimizer


def _is_from(kind: type, module: str) -> bool:
    return f"{kind.__module__}.".startswith(f"{module}.")


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _whole_number(name: str, value: Any) -> int:
    try:
        whole = operator.index(value)
    except TypeError:
        whole = 0
    if whole < 1:
        raise ValueError(f"{name}={value!r}: must be a whole number of at least 1")
    return whole


def _quantiles(values: ArrayLike) -> Any:
    try:
        orders = np.array(values, float)
    except (TypeError, ValueError):
        orders = np.array(np.nan)
    is_allowed = orders.ndim == 1 and orders.size and (np.diff(orders) > 0).all() and orders[0] >= 0
    if not (is_allowed and orders[-1] <= 1):
        raise ValueError(f"quantiles={values!r}: must be increasing numbers from 0 to 1")
    return orders


def _named(names: Any) -> list[tuple[str, Any]] | None:
    """Return the pairs of names and parameters that were given in any form."""
    if names is None:
        return None
    pairs: list[Any] = [None]
    if isinstance(names, Iterable):
        pairs = list(names.items() if isinstance(names, Mapping) else names)
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise ValueError("names: must be pairs of a name and a parameter, such as model.named_parameters()")
    return pairs


def _not_stepped(what: str = "") -> ValueError:
    return ValueError(f"optimizer: has not made a step{what}, so it has no rates")


# NumPy


def _over_root(
    scale: float, squares: Array, *, factor: float = 1.0, inside: float = 0.0, eps: float = 0.0, idle: Any = None
) -> Array:
    """Return scale / (sqrt(factor * squares + inside) + eps), and nan where a coordinate is idle."""
    # In place, as fresh memory takes longer than the arithmetic.
    rate: Array = np.multiply(squares, factor, out=np.empty(squares.shape, squares.dtype))
    if inside:
        rate += inside
    with np.errstate(divide="ignore", invalid="ignore"):
        np.sqrt(rate, out=rate)
        if eps:
            rate += eps
        np.divide(scale, rate, out=rate)
    return _without_idle(rate, squares == 0 if idle is None else idle)


def _without_idle(rate: Array, idle: Any) -> Array:
    np.copyto(rate, np.nan, where=idle)
    return rate


def _idle(squares: Array, mean: Callable[[], Array]) -> Any:
    """Return where neither the squares nor the mean have a trace of a gradient: tiny squares are rounded to 0."""
    idle = squares == 0
    if idle.any():
        idle &= mean() == 0
    return idle


def _rectification(beta2: Any, step: Any, threshold: float) -> float | None:
    """Return the factor of RAdam, None if the average of the squares is too short.

    The difference of almost equal numbers needs the arithmetic of the library, so the step count may be its scalar.
    """
    power = beta2**step
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * power / (1 - power)
    if length <= threshold:
        return None
    square = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return float(square**0.5)


# torch.optim


def _torch_entries(optimizer: Any, names: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name, the group and the tensor of each parameter."""
    given = None if names is None else {id(param): name for name, param in names}
    seen: set[str] = set()
    for number, group in enumerate(optimizer.param_groups):
        own = group.get("param_names")
        for position, param in enumerate(group["params"]):
            place = f"group {number}, parameter {position}"
            if given is not None:
                if id(param) not in given:
                    raise ValueError(f"names: have no name for {place}, of shape {tuple(param.shape)}")
                name = given[id(param)]
            else:
                name = own[position] if own else place
            if name in seen:
                raise ValueError(f"names: {name!r} is the name of two parameters")
            if param.is_complex():
                raise ValueError(f"optimizer: {name!r} is complex; only real parameters have rates")
            seen.add(name)
            yield name, group, param


def _torch_rates(optimizer: Any, kind: str, names: Any, before: Any) -> Rates:
    rates: Rates = {}
    has_stepped = False
    for name, group, param in _torch_entries(optimizer, names):
        state = optimizer.state.get(param) or {}
        if kind == "SGD":
            is_new = bool(group["momentum"]) and state.get("momentum_buffer") is None
        else:
            is_new = not float(state.get("step", 0))
        has_stepped |= not is_new
        if is_new:
            rates[name] = np.full_like(_torch_array(param), np.nan)
        elif kind in _TORCH_BEFORE:
            if before is None:
                raise ValueError(
                    f"optimizer: the rates of torch.optim.{kind} depend on what its step overwrites; "
                    "record them by RateRecorder, with before_step and after_step"
                )
            rates[name] = _TORCH[kind](group, state, param, before[name])
        else:
            rates[name] = _TORCH[kind](group, state, param)
    if not has_stepped:
        raise _not_stepped()
    return rates


def _torch_array(tensor: Any) -> Array:
    """Return a tensor as an array that may share its memory: never write to it."""
    tensor = tensor.detach()
    if tensor.is_sparse:
        tensor = tensor.to_dense()
    if tensor.element_size() < 4:
        tensor = tensor.float()
    array: Array = tensor.cpu().numpy()
    return array


def _torch_step(group: Any, state: Any) -> Any:
    """Return the step count: a tensor if torch computes the corrections from the tensor, in float32."""
    is_adam = "amsgrad" in group
    is_tensor = group.get("capturable") or (is_adam and group["differentiable"])
    return state["step"] if is_tensor else float(state["step"])


def _torch_bias2(group: Any, state: Any) -> float:
    return float(1 - float(group["betas"][1]) ** _torch_step(group, state))


def _torch_sgd(group: Any, state: Any, param: Any) -> Array:
    values = _torch_array(param)
    rate = np.full(values.shape, float(group["lr"]), values.dtype)
    return _without_idle(rate, _torch_array(state["momentum_buffer"]) == 0) if group["momentum"] else rate


def _torch_adagrad(group: Any, state: Any, param: Any) -> Array:
    squares = _torch_array(state["sum"])
    scale = float(group["lr"]) / (1 + (float(state["step"]) - 1) * group["lr_decay"])
    idle = squares == squares.dtype.type(group["initial_accumulator_value"])
    return _over_root(scale, squares, eps=group["eps"], idle=idle)


def _torch_rmsprop(group: Any, state: Any, param: Any) -> Array:
    squares = _torch_array(state["square_avg"])
    idle = squares == 0
    if group["centered"]:
        squares = squares - _torch_array(state["grad_avg"]) ** 2
    return _over_root(float(group["lr"]), squares, eps=group["eps"], idle=idle)


def _torch_adam(group: Any, state: Any, param: Any) -> Array:
    squares = _torch_array(state["exp_avg_sq"])
    idle = _idle(squares, lambda: _torch_array(state["exp_avg"]))
    if group.get("amsgrad"):
        squares = _torch_array(state["max_exp_avg_sq"])
    factor = 1 / _torch_bias2(group, state)
    return _over_root(float(group["lr"]), squares, factor=factor, eps=group["eps"], idle=idle)


def _torch_sparse_adam(group: Any, state: Any, param: Any) -> Array:
    squares = _torch_array(state["exp_avg_sq"])
    idle = _idle(squares, lambda: _torch_array(state["exp_avg"]))
    scale = float(group["lr"]) * _torch_bias2(group, state) ** 0.5
    return _over_root(scale, squares, eps=group["eps"], idle=idle)


def _torch_radam(group: Any, state: Any, param: Any) -> Array:
    squares, scale = _torch_array(state["exp_avg_sq"]), float(group["lr"])
    idle = _idle(squares, lambda: _torch_array(state["exp_avg"]))
    factor = _rectification(float(group["betas"][1]), _torch_step(group, state), 5)
    if factor is None:  # the step of plain momentum
        return _without_idle(np.full(squares.shape, scale, squares.dtype), idle)
    return _over_root(scale * factor * _torch_bias2(group, state) ** 0.5, squares, eps=group["eps"], idle=idle)


def _torch_adamax(group: Any, state: Any, param: Any) -> Array:
    largest, mean = _torch_array(state["exp_inf"]), _torch_array(state["exp_avg"])
    # Without a gradient the largest is epsilon.
    idle = (mean == 0) & (largest <= largest.dtype.type(group["eps"]))
    return _without_idle(np.divide(float(group["lr"]), largest, out=np.empty_like(largest)), idle)


def _torch_adadelta(group: Any, state: Any, param: Any, before: Any) -> Array:
    squares, eps = _torch_array(state["square_avg"]), group["eps"]
    rate = _over_root(float(group["lr"]), squares, inside=eps)
    rate *= np.sqrt(before + eps)
    return rate


def _torch_adafactor(group: Any, state: Any, param: Any, before: float) -> Array:
    if param.grad is None:
        raise ValueError(
            "optimizer: the rates of torch.optim.Adafactor depend on the gradient; clear it after reading"
        )
    eps1, eps2 = group["eps"]
    if eps1 is None:
        # NumPy has no bfloat16.
        eps1 = 2.0**-7 if str(param.dtype) == "torch.bfloat16" else np.finfo(str(param.dtype)[6:]).eps
    step = float(state["step"])
    scale = max(eps2, before) * min(float(group["lr"]), 1 / step**0.5)
    if "variance" in state:
        squares = _torch_array(state["variance"])
    else:
        rows, columns = _torch_array(state["row_var"]), _torch_array(state["col_var"])
        squares = rows @ columns / np.maximum(rows.mean(axis=-2, keepdims=True), eps1)
    root = np.sqrt(np.maximum(squares, eps1 * eps1))
    clipped = max(1.0, _root_mean_square(_torch_array(param.grad) / root) / group["d"])
    return _without_idle(np.divide(scale / clipped, root, out=np.empty(root.shape, root.dtype)), squares == 0)


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=float))))


def _old_deltas(state: Any, param: Any) -> Array:
    if not state:
        return np.zeros(tuple(param.shape), _torch_array(param).dtype)
    return np.array(_torch_array(state["acc_delta"]))


_TORCH: dict[str, Callable[..., Array]] = {
    "SGD": _torch_sgd,
    "Adagrad": _torch_adagrad,
    "RMSprop": _torch_rmsprop,
    "Adam": _torch_adam,
    "AdamW": _torch_adam,
    "NAdam": _torch_adam,
    "RAdam": _torch_radam,
    "Adamax": _torch_adamax,
    "SparseAdam": _torch_sparse_adam,
    "Adadelta": _torch_adadelta,
    "Adafactor": _torch_adafactor,
}
# What is read before the step, from the state and the parameter.
_TORCH_BEFORE: dict[str, Callable[[Any, Any], Any]] = {
    "Adadelta": _old_deltas,
    "Adafactor": lambda state, param: _root_mean_square(_torch_array(param)),
}


# Keras


def _keras_rates(optimizer: Any, kind: str, before: Any) -> Rates:
    step = int(optimizer.iterations)
    if not optimizer.built or not step:
        raise _not_stepped()
    if kind == "Adadelta" and before is None:
        raise ValueError(
            "optimizer: the rates of Keras's Adadelta depend on what its step overwrites; "
            "record them by RateRecorder, with before_step and after_step"
        )
    scale = _keras_learning_rate(optimizer)
    rates: Rates = {}
    for place, variable in enumerate(optimizer._trainable_variables):
        if getattr(variable, "overwrite_with_gradient", False):
            continue  # a scale of float8, which is not optimized
        name, number = variable.path, 2
        while name in rates:
            name, number = f"{variable.path} ({number})", number + 1
        rates[name] = _KERAS[kind](optimizer, place, variable, scale, step, before)
    return rates


def _keras_learning_rate(optimizer: Any) -> float:
    """Return the learning rate of the last step. A schedule has already been moved to the next one."""
    schedule = optimizer._learning_rate
    if any(each.__name__ == "LearningRateSchedule" for each in type(schedule).__mro__):
        calls = optimizer.gradient_accumulation_steps or 1
        return float(schedule(int(optimizer._iterations) // calls * calls - 1))
    return float(optimizer.learning_rate)


def _keras_array(variable: Any) -> Array:
    """Return a variable as an array that may share its memory: never write to it."""
    value = variable.value
    array: Array = _torch_array(value) if hasattr(value, "detach") else np.asarray(value)
    return array.astype(np.float32) if array.dtype.itemsize < 4 else array


def _keras_bias2(optimizer: Any, step: int, dtype: Any) -> float:
    kind = np.dtype(dtype).type  # Keras computes it in the precision of the variable
    return float(kind(1) - np.power(kind(optimizer.beta_2), kind(step)))


def _keras_sgd(optimizer: Any, place: int, variable: Any, scale: float, step: int, before: Any) -> Array:
    values = _keras_array(variable)
    rate = np.full(values.shape, scale, values.dtype)
    return _without_idle(rate, _keras_array(optimizer.momentums[place]) == 0) if optimizer.momentum else rate


def _keras_adagrad(optimizer: Any, place: int, variable: Any, scale: float, step: int, before: Any) -> Array:
    squares = _keras_array(optimizer._accumulators[place])
    idle = squares == squares.dtype.type(optimizer.initial_accumulator_value)
    return _over_root(scale, squares, inside=optimizer.epsilon, idle=idle)


def _keras_rmsprop(optimizer: Any, place: int, variable: Any, scale: float, step: int, before: Any) -> Array:
    squares = _keras_array(optimizer._velocities[place])
    idle = squares == 0
    if optimizer.centered:
        squares = squares - _keras_array(optimizer._average_gradients[place]) ** 2
    return _over_root(scale, squares, inside=optimizer.epsilon, idle=idle)


def _keras_adam(optimizer: Any, place: int, variable: Any, scale: float, step: int, before: Any) -> Array:
    squares = _keras_array(optimizer._velocities[place])
    idle = _idle(squares, lambda: _keras_array(optimizer._momentums[place]))
    if optimizer.amsgrad:
        squares = _keras_array(optimizer._velocity_hats[place])
    bias2 = _keras_bias2(optimizer, step, squares.dtype)
    return _over_root(scale * bias2**0.5, squares, eps=optimizer.epsilon, idle=idle)


def _keras_nadam(optimizer: Any, place: int, variable: Any, scale: float, step: int, before: Any) -> Array:
    squares = _keras_array(optimizer._velocities[place])
    idle = _idle(squares, lambda: _keras_array(optimizer._momentums[place]))
    factor = 1 / _keras_bias2(optimizer, step, squares.dtype)
    return _over_root(scale, squares, factor=factor, eps=optimizer.epsilon, idle=idle)


def _keras_adamax(optimizer: Any, place: int, variable: Any, scale: float, step: int, before: Any) -> Array:
    largest = _keras_array(optimizer._u[place])
    idle = _idle(largest, lambda: _keras_array(optimizer._m[place]))
    rate = np.add(largest, optimizer.epsilon, out=np.empty(largest.shape, largest.dtype))
    return _without_idle(np.divide(scale, rate, out=rate), idle)


def _keras_adadelta(optimizer: Any, place: int, variable: Any, scale: float, step: int, before: Any) -> Array:
    squares, eps = _keras_array(optimizer._accumulated_grads[place]), optimizer.epsilon
    rate = _over_root(scale, squares, inside=eps)
    rate *= np.sqrt(before[place] + eps)
    return rate


_KERAS: dict[str, Callable[..., Array]] = {
    "SGD": _keras_sgd,
    "Adagrad": _keras_adagrad,
    "RMSprop": _keras_rmsprop,
    "Adam": _keras_adam,
    "AdamW": _keras_adam,
    "Nadam": _keras_nadam,
    "Adamax": _keras_adamax,
    "Adadelta": _keras_adadelta,
}


# Optax


def _nodes(state: Any) -> Iterator[Any]:
    """Yield all containers of a state. Those of the parameters are among them."""
    yield state
    if isinstance(state, tuple | list):
        inner: Iterable[Any] = state
    else:
        inner = state.values() if isinstance(state, Mapping) else ()
    for each in inner:
        yield from _nodes(each)


class _Part(NamedTuple):
    """The states of one optimizer, with the settings that were given for it."""

    states: list[Any]
    settings: Any
    label: str


def _optax_parts(state: Any, settings: Any, label: str = "") -> list[_Part]:
    """Return the parts of a state: one, or in multi_transform one per label."""
    part = _Part([], settings, label)
    parts: list[_Part] = []

    def visit(node: Any) -> None:
        nonlocal part
        if not _is_from(type(node), "optax"):
            if isinstance(node, Mapping):
                node = tuple(node.values())
            if isinstance(node, tuple | list):
                for each in node:
                    visit(each)
            return
        kind = type(node).__name__
        if kind == "PartitionState":
            labels = {str(each): inner for each, inner in node.inner_states.items()}
            for each, inner in labels.items():
                own = settings.get(each) if isinstance(settings, Mapping) else None
                parts.extend(_optax_parts(inner, own, f"{label}[{each!r}]"))
            return
        if kind in ("InjectStatefulHyperparamsState", "InjectHyperparamsState"):
            part = part._replace(settings={**(part.settings or {}), **node.hyperparams})
        for field in ("inner_state", "inner_opt_state"):
            if hasattr(node, field):
                visit(getattr(node, field))
                return
        part.states.append(node)

    visit(state)
    return parts if parts and not _accumulators(part) else [part, *parts]


def _accumulators(part: _Part) -> list[Any]:
    """Return the states of a part that hold averages or sums; raise an error if one is not supported."""
    found = []
    for state in part.states:
        kind = type(state).__name__
        if kind in _OPTAX_STATES:
            found.append(state)
        elif kind not in _OPTAX_WITHOUT_RATE:
            raise ValueError(
                f"optimizer: the state has an optax {kind}, which is not supported; "
                f"supported are {', '.join(_OPTAX_STATES)}"
            )
    return found


def _optax_rates(state: Any, settings: Any, params: Any, before: Any) -> Rates:
    rates: Rates = {}
    parts = _optax_parts(state, settings)
    old = [None] * len(parts) if before is None else _optax_parts(before, settings)
    for part, part_before in zip(parts, old, strict=True):
        rates.update(_optax_part_rates(part, params, part_before))
    if all(np.isnan(each).all() for each in rates.values()):
        raise _not_stepped(" with a gradient")
    return rates


def _optax_part_rates(part: _Part, params: Any, before: _Part | None) -> Rates:
    where = f"settings{part.label}"
    if part.settings is not None and not isinstance(part.settings, Mapping):
        raise ValueError(f"{where}={part.settings!r}: must be a mapping")
    settings = dict(part.settings or {})
    states = _accumulators(part)
    kinds = [type(each).__name__ for each in states]
    if "TraceState" in kinds and len(kinds) > 1:  # the momentum of rmsprop, which leaves the rate as it is
        states = [each for each in states if type(each).__name__ != "TraceState"]
    if len(states) > 1:
        raise ValueError(f"optimizer: the state has several accumulators in one chain, {', '.join(kinds)}")
    kind = type(states[0]).__name__ if states else "TraceState"
    candidates = _OPTAX_STATES[kind]
    name = settings.pop("optimizer", None)
    if name == "set_to_zero" and not states:
        return {}
    if name is None:
        raise ValueError(
            f"{where}: lack 'optimizer', the name of the Optax function; "
            f"this state can be that of {', '.join(candidates)}"
        )
    if name not in candidates:
        raise ValueError(f"{where}: have optimizer={name!r}; this state can be that of {', '.join(candidates)}")
    settings = _optax_settings(where, name, settings)
    settings["learning_rate"] = _optax_learning_rate(where, settings["learning_rate"], part)
    if not states:
        if part.label:
            raise ValueError(
                f"optimizer: the state of sgd{part.label} does not name its parameters; "
                "use optax.sgd(..., momentum=0.0), whose state does"
            )
        if params is None:
            raise ValueError("params: give the parameters; the state of sgd without momentum has no array")
        return {
            leaf: np.full(np.shape(each), settings["learning_rate"], each.dtype) for leaf, each in _leaves(params)
        }
    if kind == "ScaleByAdaDeltaState" and before is None:
        raise ValueError(
            "optimizer: the rates of Optax's adadelta depend on what its step overwrites; "
            "record them by RateRecorder, with before_step and after_step"
        )
    (state,) = states
    # JAX computes powers of the count in its default precision. A tuple has a method named count.
    precision = np.float64 if sys.modules["jax"].config.jax_enable_x64 else np.float32
    count = precision(state.count if "count" in state._fields else 1)
    if not count:
        raise _not_stepped()
    fields = {field: dict(_leaves(getattr(state, field))) for field in state._fields if field != "count"}
    if before is not None and kind == "ScaleByAdaDeltaState":
        fields["e_x"] = dict(_leaves(_accumulators(before)[0].e_x))
    rule = _OPTAX[name]
    return {
        leaf: rule(settings, count, **{field: values[leaf] for field, values in fields.items()})
        for leaf in next(iter(fields.values()))
    }


def _optax_settings(where: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return all arguments of an Optax function: those given, and its own defaults."""
    function = getattr(sys.modules["optax"], name)  # a state of Optax is there, so Optax is imported
    parameters = inspect.signature(function).parameters
    unknown = [each for each in given if each not in parameters]
    if unknown:
        raise ValueError(f"{where}: have {unknown[0]!r}; optax.{name} takes {', '.join(parameters)}")
    every = {each: given.get(each, parameter.default) for each, parameter in parameters.items()}
    for each, value in every.items():
        if value is inspect.Parameter.empty:
            raise ValueError(f"{where}: lack {each!r}, which optax.{name} was given")
    return every


def _optax_learning_rate(where: str, value: Any, part: _Part) -> float:
    if callable(value):
        schedules = [each for each in part.states if type(each).__name__ == "ScaleByScheduleState"]
        if len(schedules) != 1:
            raise ValueError(f"{where}: have a schedule as learning_rate; the state has {len(schedules)} schedules")
        value = value(schedules[0].count - 1)
    return 1.0 if value is None else float(value)


def _leaves(tree: Any) -> Iterator[tuple[str, Array]]:
    """Yield the arrays of a pytree with their names, such as dense/kernel."""
    tree_util = sys.modules["jax"].tree_util
    for path, leaf in tree_util.tree_flatten_with_path(tree)[0]:
        array = np.asarray(leaf)
        name = tree_util.keystr(path, simple=True, separator="/")
        yield name or "params", array.astype(np.float32) if array.dtype.itemsize < 4 else array


def _optax_bias(settings: Any, key: str, count: Any) -> float:
    return float(1 - settings[key] ** count)


def _optax_sgd(settings: Any, count: Any, trace: Array) -> Array:
    return _without_idle(np.full(trace.shape, settings["learning_rate"], trace.dtype), trace == 0)


def _optax_adagrad(settings: Any, count: Any, sum_of_squares: Array) -> Array:
    idle = sum_of_squares == sum_of_squares.dtype.type(settings["initial_accumulator_value"])
    return _over_root(settings["learning_rate"], sum_of_squares, inside=float(settings["eps"]), idle=idle)


def _optax_rmsprop(settings: Any, count: Any, nu: Array, mu: Array | None = None) -> Array:
    idle = nu == 0
    factor = 1 / _optax_bias(settings, "decay", count) if settings["bias_correction"] else 1.0
    if mu is not None:
        nu, factor = nu * nu.dtype.type(factor) - (mu * nu.dtype.type(factor)) ** 2, 1.0
    eps = "inside" if settings["eps_in_sqrt"] else "eps"
    return _over_root(settings["learning_rate"], nu, factor=factor, idle=idle, **{eps: float(settings["eps"])})


def _optax_adam(settings: Any, count: Any, mu: Array, nu: Array, nu_max: Array | None = None) -> Array:
    idle = _idle(nu, lambda: mu)
    # amsgrad corrects the average before it takes the largest.
    factor = 1 / _optax_bias(settings, "b2", count) if nu_max is None else 1.0
    inside, eps = float(settings["eps_root"]), float(settings["eps"])
    squares = nu if nu_max is None else nu_max
    return _over_root(settings["learning_rate"], squares, factor=factor, inside=inside, eps=eps, idle=idle)


def _optax_radam(settings: Any, count: Any, mu: Array, nu: Array) -> Array:
    idle, bias2 = _idle(nu, lambda: mu), _optax_bias(settings, "b2", count)
    factor = _rectification(settings["b2"], count, settings["threshold"])
    if factor is None:
        return _without_idle(np.full(nu.shape, settings["learning_rate"], nu.dtype), idle)
    scale, inside, eps = settings["learning_rate"] * factor, float(settings["eps_root"]), float(settings["eps"])
    return _over_root(scale, nu, factor=1 / bias2, inside=inside, eps=eps, idle=idle)


def _optax_adamax(settings: Any, count: Any, mu: Array, nu: Array) -> Array:
    idle = (mu == 0) & (nu <= nu.dtype.type(settings["eps"]))
    return _without_idle(np.divide(settings["learning_rate"], nu, out=np.empty(nu.shape, nu.dtype)), idle)


def _optax_adadelta(settings: Any, count: Any, e_g: Array, e_x: Array) -> Array:
    eps = float(settings["eps"])
    rate = _over_root(settings["learning_rate"], e_g, inside=eps)
    rate *= np.sqrt(e_x + eps)
    return rate


_OPTAX: dict[str, Callable[..., Array]] = {
    "sgd": _optax_sgd,
    "adagrad": _optax_adagrad,
    "rmsprop": _optax_rmsprop,
    "adam": _optax_adam,
    "adamw": _optax_adam,
    "nadam": _optax_adam,
    "nadamw": _optax_adam,
    "radam": _optax_radam,
    "adamax": _optax_adamax,
    "adamaxw": _optax_adamax,
    "amsgrad": _optax_adam,
    "adadelta": _optax_adadelta,
}
# Whose state each class can be. Optax has one class for several of them.
_OPTAX_STATES = {
    "TraceState": ("sgd",),
    "ScaleByRssState": ("adagrad",),
    "ScaleByRmsState": ("rmsprop",),
    "ScaleByRmsWithCountState": ("rmsprop",),
    "ScaleByRStdDevState": ("rmsprop",),
    "ScaleByRStdDevWithCountState": ("rmsprop",),
    "ScaleByAdamState": ("adam", "adamw", "nadam", "nadamw", "radam", "adamax", "adamaxw"),
    "ScaleByAmsgradState": ("amsgrad",),
    "ScaleByAdaDeltaState": ("adadelta",),
}
# States of transformations that change the gradient or the decay, not the rate.
_OPTAX_WITHOUT_RATE = {
    "EmptyState",
    "ScaleByScheduleState",
    "WeightDecaySchedule",
    "AddNoiseState",
    "MaskedNode",
}
