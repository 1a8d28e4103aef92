"""The effective learning rates of optimizers of PyTorch, Optax and Keras.

No library is imported. An optimizer is identified by the name and the module of its class. Its state is read under
the field names of torch 2.13, Optax 0.2.8 and Keras 3.15.

To add an optimizer, write its rule in ``torch_rates.py``, ``optax_rates.py`` or ``keras_rates.py``, and add it to
the table ``RULES`` there; a new class of Optax states also goes into ``optax_state.py``. To add a library, write a
subclass of ``Reader`` (``reader.py``) in a file of its own, and add it to ``LIBRARIES`` in ``rates.py``. The tests
compare each rule with a step of the library.
"""

from adaptive_optim.inspection.histogram import RateHistogram, rate_histogram
from adaptive_optim.inspection.rates import effective_rates
from adaptive_optim.inspection.recorder import RateRecord, RateRecorder

__all__ = ["RateHistogram", "RateRecord", "RateRecorder", "effective_rates", "rate_histogram"]
