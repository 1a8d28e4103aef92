"""The effective learning rates of the last step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adaptive_optim.inspection import keras_rates, optax_rates, torch_rates
from adaptive_optim.inspection.arguments import Names, name_pairs
from adaptive_optim.inspection.arithmetic import Rates
from adaptive_optim.inspection.keras_rates import KerasReader
from adaptive_optim.inspection.optax_rates import OptaxReader
from adaptive_optim.inspection.reader import Reader, full_name
from adaptive_optim.inspection.torch_rates import TorchReader

LIBRARIES: tuple[type[Reader], ...] = (TorchReader, KerasReader, OptaxReader)


def effective_rates(
    optimizer: Any,
    *,
    settings: Mapping[str, Any] | None = None,
    names: Names = None,
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
        nadam, nadamw, radam, adamax, adamaxw or amsgrad. Adadelta (all three) and torch's Adafactor depend on
        values that the step overwrites: see :class:`RateRecorder`.
    settings : mapping of str to object, optional
        For an Optax state only, which does not contain them: ``"optimizer"``, the name of the Optax function, such
        as ``"adam"``, and the arguments given to it. Other arguments have the defaults of that function. For
        ``multi_transform``, one such mapping per label.
    names : mapping of str to tensor, or iterable of (str, tensor), optional
        For ``torch.optim`` only: ``model.named_parameters()``. The default is the names that the
        optimizer was created with, or else ``"group 0, parameter 1"`` and so on.
    params : pytree of array, optional
        The parameters, for the state of Optax's ``sgd`` without momentum only, which has no array.

    Returns
    -------
    dict of str to numpy.ndarray
        Rates by parameter name, in the shape of the parameter, in units of the parameter per unit of the direction.
        ``nan`` where the state shows no gradient so far. SGD without momentum has no state: its rate
        is the learning rate everywhere.

    Raises
    ------
    ValueError
        If the optimizer is not supported or has not made a step, a setting or a name is missing, unknown or not
        applicable, or a parameter is complex. The message names the argument or the class.

    Notes
    -----
    - ``torch.optim``: weight decay of Adam and others is part of the gradient; that of AdamW and Adafactor is
      decoupled. With ``maximize`` the direction is computed from the negated gradient. Rows without a gradient
      in this step of SparseAdam have the rate that they would have had with one.
    - Momentum of RMSprop adds up scaled gradients. The rate is that of the last gradient,
      :math:`\eta / (\sqrt{v} + \epsilon)`, and the direction is the buffer divided by this scale.
    - NAdam adds the gradient to the mean. The rate is what multiplies this sum.
    - Keras adds its epsilon inside the root in Adagrad and RMSprop, and to the uncorrected root in Adam. Its
      momentum contains the learning rate, so the direction is the velocity divided by it, with the opposite sign.
    - Averages decay to exactly 0 after the last gradient, in float32 after about 1,000 steps with a decay of 0.9.
      Then the rate is ``nan`` again.
    - ``float16`` and ``bfloat16`` states give ``float32`` rates.

    References
    ----------
    The update rules in the sources of torch 2.13 (``torch/optim``), Optax 0.2.8 (``optax/_src/transform.py``) and
    Keras 3.15 (``keras/src/optimizers``).

    Examples
    --------
    In PyTorch::

        optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
        loss(model(inputs), targets).backward()
        optimizer.step()
        rates = effective_rates(optimizer, names=model.named_parameters())

    In JAX::

        arguments = {"learning_rate": 0.001, "b2": 0.99}
        optimizer = optax.adam(**arguments)
        updates, state = optimizer.update(grads, state)
        rates = effective_rates(state, settings={"optimizer": "adam", **arguments})

    Other objects raise an error:

    >>> from adaptive_optim import SGD, effective_rates
    >>> effective_rates(SGD(0.1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: optimizer: adaptive_optim...SGD is not supported. Give an optimizer of torch.optim (...
    """
    reader = make_reader(optimizer, settings, names)
    if params is not None and "params" not in reader.arguments:
        raise ValueError("params: only for the state of Optax's sgd without momentum")
    return reader.rates(optimizer, params=params)


def make_reader(optimizer: Any, settings: Any, names: Names) -> Reader:
    """Return the reader of the library that an optimizer is from, or raise if it is not supported."""
    pairs = name_pairs(names)
    if isinstance(optimizer, type):
        raise ValueError(f"optimizer: {full_name(optimizer)} is a class; give an instance of it")
    if hasattr(optimizer, "_fields") and {"init", "update"} <= set(optimizer._fields):
        raise ValueError(
            "optimizer: is an Optax GradientTransformation, which has no state; "
            "give the state that its init and update return"
        )
    for library in LIBRARIES:
        if library.supports(optimizer):
            if pairs is not None and "names" not in library.arguments:
                raise ValueError("names: only for torch.optim; Optax and Keras have the names of their parameters")
            if settings is not None and "settings" not in library.arguments:
                raise ValueError("settings: only for the state of an Optax optimizer; this optimizer has its own")
            return library(optimizer, settings, pairs)
    raise ValueError(
        f"optimizer: {full_name(type(optimizer))} is not supported. Give an optimizer of torch.optim "
        f"({', '.join(torch_rates.RULES)}), the state of an Optax optimizer ({', '.join(optax_rates.RULES)}), "
        f"or an optimizer of Keras ({', '.join(keras_rates.RULES)}); if it wraps one of these, give that one"
    )
