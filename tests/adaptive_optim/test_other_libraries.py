"""Embedding tables in torch.optim, Optax and Keras: the facts that the book states."""

import functools
import importlib
import inspect
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from test_parity import import_or_skip

from adaptive_optim import SGD, Adagrad, Adam, Momentum, RMSProp, minimize, update_rows

NUM_ROWS, DIM, NUM_LOOKUPS, NUM_STEPS = 20, 3, 8, 50


@pytest.fixture
def torch():
    library = import_or_skip("torch")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse invariant checks")
        yield library


@pytest.fixture
def jax():
    library = import_or_skip("jax")
    before = library.config.jax_enable_x64
    library.config.update("jax_enable_x64", True)
    yield library
    library.config.update("jax_enable_x64", before)


@pytest.fixture
def keras(torch, monkeypatch, tmp_path):
    # Keras reads both at its first import, and writes its settings into its home.
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return import_or_skip("keras")


def initial_table():
    return np.random.default_rng(1).normal(size=(NUM_ROWS, DIM))


def batches():
    """Return rows and gradients of 50 steps. In every third step, 8 lookups share 3 rows."""
    rng = np.random.default_rng(0)
    num_rows = [NUM_ROWS if t % 3 else 3 for t in range(NUM_STEPS)]
    return [(rng.integers(high, size=NUM_LOOKUPS), rng.normal(size=(NUM_LOOKUPS, DIM))) for high in num_rows]


def our_table(optimizer, dtype="f8"):
    table = initial_table().astype(dtype)
    state = optimizer.init(table)
    for rows, grads in batches():
        state = update_rows(optimizer, table, state, rows, grads).state
    return table


def embedding(torch, values, sparse=True):
    return torch.nn.Embedding.from_pretrained(torch.tensor(np.array(values)), freeze=False, sparse=sparse)


def torch_step(torch, table, optimizer, rows, grads):
    """Take one step with given gradients of the lookups."""
    optimizer.zero_grad()
    (table(torch.as_tensor(rows)) * torch.as_tensor(grads, dtype=table.weight.dtype)).sum().backward()
    optimizer.step()


def torch_run(torch, make, sparse=True, dtype="f8"):
    table = embedding(torch, initial_table().astype(dtype), sparse)
    optimizer = make(table.parameters())
    for rows, grads in batches():
        torch_step(torch, table, optimizer, rows, grads)
    return table.weight.detach().numpy(), optimizer.state[table.weight]


def two_steps(torch, make, first=(0, 1, 1), then=(2,)):
    """Look up rows 0, 1 and 1 of five rows, then row 2, with a gradient of 1 for each lookup."""
    table = embedding(torch, np.ones((5, 1)))
    optimizer = make(table.parameters())
    for rows in (first, then):
        torch_step(torch, table, optimizer, rows, np.ones((len(rows), 1)))
    return table.weight.detach().numpy()[:, 0], optimizer.state[table.weight]


# PyTorch


def test_a_sparse_gradient_lists_repeated_rows_without_summing_them(torch):
    table = embedding(torch, np.ones((5, 2)))
    table(torch.tensor([3, 3])).sum().backward()
    grad = table.weight.grad
    assert grad.is_sparse
    assert not grad.is_coalesced()
    assert grad._indices().tolist() == [[3, 3]]
    assert grad.coalesce().values().tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize(
    ("name", "settings", "error", "message"),
    [
        ("Adam", {}, RuntimeError, "Adam does not support sparse gradients, please consider SparseAdam instead"),
        ("AdamW", {}, RuntimeError, "Adam does not support sparse gradients, please consider SparseAdam instead"),
        *[
            (name, {}, RuntimeError, f"{name} does not support sparse gradients")
            for name in ("RMSprop", "NAdam", "RAdam", "Adamax", "Adadelta")
        ],
        ("Adagrad", {"fused": True}, RuntimeError, "`fused` does not support sparse grad or complex param"),
        ("SGD", {"fused": True}, RuntimeError, "`_fused_sgd` does not support sparse gradients"),
        (
            "Adagrad",
            {"weight_decay": 0.1},
            RuntimeError,
            "weight_decay option is not compatible with sparse gradients",
        ),
        (
            "SGD",
            {"weight_decay": 0.1},
            RuntimeError,
            "add(sparse, dense) is not supported. Use add(dense, sparse) instead.",
        ),
        (
            "SparseAdam",
            {"weight_decay": 0.1},
            TypeError,
            "SparseAdam.__init__() got an unexpected keyword argument 'weight_decay'",
        ),
    ],
)
def test_torch_optimizers_without_sparse_gradients_raise_an_error(torch, name, settings, error, message):
    with pytest.raises(error) as raised:
        two_steps(torch, lambda params: getattr(torch.optim, name)(params, lr=0.1, **settings))
    assert str(raised.value) == message


def test_sparse_adam_does_not_accept_dense_gradients(torch):
    model = torch.nn.Sequential(torch.nn.Embedding(5, 2, sparse=True), torch.nn.Linear(2, 1))
    optimizer = torch.optim.SparseAdam(model.parameters())
    model(torch.tensor([1])).sum().backward()
    with pytest.raises(
        RuntimeError, match="SparseAdam does not support dense gradients, please consider Adam instead"
    ):
        optimizer.step()


@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_sgd_and_adagrad_accept_a_table_and_a_layer_with_weight_decay_in_two_groups(torch, name):
    table, layer = torch.nn.Embedding(5, 2, sparse=True), torch.nn.Linear(2, 1)
    groups = [{"params": table.parameters()}, {"params": layer.parameters(), "weight_decay": 0.1}]
    optimizer = getattr(torch.optim, name)(groups, lr=0.1)
    before = table.weight.detach().clone()
    layer(table(torch.tensor([1]))).sum().backward()
    optimizer.step()
    assert (table.weight != before).any(dim=1).tolist() == [False, True, False, False, False]


def test_adagrad_and_sparse_adam_do_not_change_rows_without_gradient_or_their_state(torch):
    rows, state = two_steps(torch, lambda params: torch.optim.Adagrad(params, lr=0.1))
    np.testing.assert_allclose(rows, [0.9, 0.9, 0.9, 1, 1])
    assert state["sum"][:, 0].tolist() == [1, 4, 1, 0, 0]
    rows, state = two_steps(torch, lambda params: torch.optim.SparseAdam(list(params), lr=0.1))
    np.testing.assert_allclose(rows, [0.9, 0.9, 0.92558633, 1, 1], rtol=1e-7)
    np.testing.assert_allclose(state["exp_avg"][:, 0], [0.1, 0.2, 0.1, 0, 0])
    assert state["step"] == 2
    assert state["exp_avg"].layout == state["exp_avg_sq"].layout == torch.strided


def test_dense_adam_moves_a_row_without_gradient(torch):
    table = embedding(torch, np.ones((5, 1)), sparse=False)
    optimizer = torch.optim.Adam(table.parameters(), lr=0.1)
    for rows in ([0, 1, 1], [2]):
        torch_step(torch, table, optimizer, rows, np.ones((len(rows), 1)))
    np.testing.assert_allclose(table.weight[0].item(), 0.832994, atol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [("f4", 1e-5), ("f8", 1e-10)])
@pytest.mark.parametrize(
    ("ours", "make"),
    [
        (SGD(0.1), lambda optim, params: optim.SGD(params, lr=0.1)),
        (Adagrad(0.1), lambda optim, params: optim.Adagrad(params, lr=0.1)),
        # SparseAdam adds its epsilon to the uncorrected average. Here it is so small that it has no effect.
        (Adam(0.1, eps=1e-15), lambda optim, params: optim.SparseAdam(list(params), lr=0.1, eps=1e-15)),
    ],
    ids=["SGD", "Adagrad", "SparseAdam"],
)
def test_50_steps_of_torch_with_sparse_gradients_equal_update_rows(torch, ours, make, dtype, tolerance):
    rows, _ = torch_run(torch, lambda params: make(torch.optim, params), dtype=dtype)
    assert rows.dtype == dtype
    np.testing.assert_allclose(rows, our_table(ours, dtype), rtol=tolerance, atol=tolerance)


def test_sparse_adam_adds_epsilon_before_the_correction_and_adam_after_it(torch):
    ends = []
    for kind, sparse in (("Adam", False), ("SparseAdam", True)):
        table = embedding(torch, [[0.0]], sparse)
        optimizer = getattr(torch.optim, kind)(list(table.parameters()), lr=0.1, eps=0.1)
        torch_step(torch, table, optimizer, [0], [[1.0]])
        ends.append(table.weight.item())
    np.testing.assert_allclose(ends, [-0.1 / (1 + 0.1), -0.1 / (1 + 0.1 / np.sqrt(1 - 0.999))])


def test_sparse_adam_counts_the_steps_of_the_table_not_of_the_row(torch):
    table = embedding(torch, np.zeros((2, 1)))
    optimizer = torch.optim.SparseAdam(list(table.parameters()), lr=0.01)
    for _ in range(10):
        torch_step(torch, table, optimizer, [0], [[1.0]])
    optimizer.state[table.weight]["step"] = 10_000  # as after 10,000 steps of other rows
    torch_step(torch, table, optimizer, [1], [[1.0]])
    # The first step of a late row is (1 - beta1) / sqrt(1 - beta2) times the learning rate.
    np.testing.assert_allclose(-table.weight[1].item() / 0.01, 0.1 / np.sqrt(0.001), rtol=1e-4)


def test_sparse_adam_updates_a_row_with_a_zero_gradient_and_counts_an_empty_step(torch):
    table = embedding(torch, np.zeros((2, 1)))
    optimizer = torch.optim.SparseAdam(list(table.parameters()), lr=0.1)
    torch_step(torch, table, optimizer, [0, 1], [[1.0], [1.0]])
    torch_step(torch, table, optimizer, [0], [[0.0]])
    np.testing.assert_allclose(table.weight[:, 0].tolist(), [-0.167005, -0.1], atol=1e-6)
    torch_step(torch, table, optimizer, np.zeros(0, int), np.zeros((0, 1)))
    np.testing.assert_allclose(table.weight[:, 0].tolist(), [-0.167005, -0.1], atol=1e-6)
    assert optimizer.state[table.weight]["step"] == 3
    optimizer.zero_grad()
    optimizer.step()
    assert optimizer.state[table.weight]["step"] == 3


def test_the_rate_decay_of_adagrad_depends_on_the_steps_of_the_table(torch):
    rows, _ = two_steps(torch, lambda params: torch.optim.Adagrad(params, lr=0.1, lr_decay=1.0))
    # The first step of row 2 is the second step of the table, so it is half as long.
    np.testing.assert_allclose(rows, [0.9, 0.9, 0.95, 1, 1])


@pytest.mark.parametrize("nesterov", [False, True])
def test_sparse_momentum_equals_dense_momentum_and_moves_every_row_that_ever_had_a_gradient(torch, nesterov):
    def make(params):
        return torch.optim.SGD(params, lr=0.1, momentum=0.9, nesterov=nesterov)

    sparse, _ = torch_run(torch, make)
    dense, _ = torch_run(torch, make, sparse=False)
    np.testing.assert_allclose(sparse, dense, rtol=1e-10)
    assert np.abs(sparse - our_table(Momentum(0.1, 0.9))).max() > 1
    rows, _ = two_steps(torch, lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9))
    np.testing.assert_allclose(rows, [0.81, 0.62, 0.9, 1, 1])


def num_momentum_entries(torch, coalesce, num_steps=60):
    table = torch.nn.Embedding(100, 2, sparse=True)
    optimizer = torch.optim.SGD(table.parameters(), lr=0.01, momentum=0.9)
    rng, entries = np.random.default_rng(0), []
    for _ in range(num_steps):
        optimizer.zero_grad()
        table(torch.tensor(rng.integers(100, size=32))).sum().backward()
        optimizer.step()
        state = optimizer.state[table.weight]
        if coalesce:
            state["momentum_buffer"] = state["momentum_buffer"].coalesce()
        entries.append(state["momentum_buffer"]._nnz())
    return entries


def test_the_velocity_of_sparse_momentum_grows_without_limit_unless_it_is_coalesced(torch):
    entries = num_momentum_entries(torch, coalesce=False)
    assert entries == sorted(entries)
    assert entries[-1] > 10 * 100
    assert entries[59] - entries[29] > 0.8 * (entries[29] - entries[0])
    assert max(num_momentum_entries(torch, coalesce=True)) <= 100


def test_clipping_does_not_support_sparse_gradients_but_their_values_can_be_scaled(torch):
    table = embedding(torch, np.zeros((5, 2)))
    table(torch.tensor([3, 3])).sum().backward()
    with pytest.raises(NotImplementedError, match="'SparseCPU' backend"):
        torch.nn.utils.clip_grad_norm_(table.parameters(), 1.0)
    with pytest.raises(NotImplementedError, match="'SparseCPU' backend"):
        torch.nn.utils.clip_grad_value_(table.parameters(), 1.0)
    grad = table.weight.grad = table.weight.grad.coalesce()
    grad.values().mul_(1 / grad.values().norm())
    np.testing.assert_allclose(table.weight.grad.to_dense()[3], [np.sqrt(0.5)] * 2)


def test_a_table_that_is_also_the_output_layer_has_a_dense_gradient(torch):
    table = torch.nn.Embedding(5, 2, sparse=True)
    (table(torch.tensor([1])) @ table.weight.T).sum().backward()
    assert not table.weight.grad.is_sparse


# JAX and Optax


def optax_rows(jax, *arguments):
    """Update rows with an Optax optimizer by the code in the chapter."""
    chapter = (Path(__file__).parents[2] / "book" / "embeddings_in_practice.md").read_text(encoding="utf-8")
    namespace = {}
    exec(re.search(r"```python\n(.*?)\nstep = ", chapter, re.DOTALL)[1], namespace)
    return namespace["update_rows"](*arguments)


def optax_table(jax, optimizer, dense=False):
    table = jax.numpy.array(initial_table())
    state = optimizer.init(table)

    def dense_step(table, state, rows, grads):
        updates, state = optimizer.update(jax.numpy.zeros_like(table).at[rows].add(grads), state, table)
        return table + updates, state

    step = jax.jit(dense_step if dense else functools.partial(optax_rows, jax, optimizer), donate_argnums=(0, 1))
    for rows, grads in batches():
        table, state = step(table, state, rows, grads)
    return np.array(table)


OPTAX = {
    "SGD": (SGD(0.1), lambda optax: optax.sgd(0.1)),
    "Momentum": (Momentum(0.1, 0.9), lambda optax: optax.sgd(0.1, momentum=0.9)),
    # In Optax, epsilon is inside the root and the sum starts at 0.1.
    "Adagrad": (Adagrad(0.1, eps=1e-30), lambda optax: optax.adagrad(0.1, initial_accumulator_value=0.0, eps=0.0)),
    "Adagrad from 0.1": (
        Adagrad(0.1, initial_accumulator_value=0.1, eps=1e-30),
        lambda optax: optax.adagrad(0.1, eps=0.0),
    ),
    "RMSProp": (RMSProp(0.01), lambda optax: optax.rmsprop(0.01, eps_in_sqrt=False)),
    "Adam": (Adam(0.1), lambda optax: optax.adam(0.1)),
    "Adam with a schedule": (Adam(0.1), lambda optax: optax.adam(lambda count: 0.1)),
}


@pytest.mark.parametrize("name", OPTAX)
def test_50_steps_of_optax_on_gathered_rows_equal_update_rows(jax, name):
    ours, make = OPTAX[name]
    rows = optax_table(jax, make(import_or_skip("optax")))
    np.testing.assert_allclose(rows, our_table(ours), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "Momentum", "Adam"])
def test_only_sgd_and_adagrad_of_optax_are_equal_with_a_dense_gradient(jax, name):
    optax = import_or_skip("optax")
    _, make = OPTAX[name]
    difference = np.abs(optax_table(jax, make(optax)) - optax_table(jax, make(optax), dense=True)).max()
    assert difference < 1e-12 if name in ("SGD", "Adagrad") else difference > 0.1


def test_the_gradient_of_a_table_is_dense_and_that_of_gathered_rows_is_small(jax):
    jnp, table, rows = jax.numpy, jax.numpy.ones((5, 2)), jax.numpy.array([3, 3])
    dense = jax.grad(lambda table: table[rows].sum())(table)
    np.testing.assert_array_equal(dense, jnp.zeros((5, 2)).at[3].set(2.0))
    np.testing.assert_array_equal(jax.grad(lambda gathered: gathered.sum())(table[rows]), np.ones((2, 2)))


def test_optax_does_not_accept_a_sparse_gradient(jax):
    optax = import_or_skip("optax")
    sparse = importlib.import_module("jax.experimental.sparse")
    table = jax.numpy.ones((5, 2))
    grad = sparse.BCOO.fromdense(jax.numpy.zeros((5, 2)).at[3].set(2.0))
    optimizer = optax.adam(0.1)
    with pytest.raises(ValueError, match="pytree structure error"):
        optimizer.update(grad, optimizer.init(table), table)


def test_masks_of_optax_select_arrays_not_rows(jax):
    optax = import_or_skip("optax")
    table, rows = jax.numpy.ones((4, 2)), jax.numpy.array([[True], [False], [False], [False]])
    with pytest.raises(ValueError, match="The truth value of an array"):
        optax.masked(optax.adam(0.1), rows).init(table)
    labels = np.array(["touched", "rest", "rest", "rest"])
    by_label = optax.multi_transform({"touched": optax.adam(0.1), "rest": optax.set_to_zero()}, labels)
    with pytest.raises(TypeError, match="unhashable type"):
        by_label.init(table)


def test_a_donated_table_is_updated_in_place(jax):
    optax = import_or_skip("optax")
    optimizer = optax.adam(0.1)
    rows, grads = batches()[0]
    for donated in ((), (0, 1)):
        table = jax.numpy.array(initial_table())
        state = optimizer.init(table)
        before = table.unsafe_buffer_pointer()
        step = jax.jit(functools.partial(optax_rows, jax, optimizer), donate_argnums=donated)
        kept, table = table, step(table, state, rows, grads)[0]
        assert (table.unsafe_buffer_pointer() == before) == bool(donated) == kept.is_deleted()


def test_weight_decay_of_optax_applies_only_to_gathered_rows(jax):
    optax = import_or_skip("optax")
    optimizer = optax.adamw(0.1, weight_decay=0.1)
    table = jax.numpy.ones((3, 1))
    grad, rows = jax.numpy.zeros((1, 1)), jax.numpy.array([1])
    new, _ = optax_rows(jax, optimizer, table, optimizer.init(table), rows, grad)
    np.testing.assert_allclose(new[:, 0], [1, 0.99, 1])


# Keras with the torch backend


def keras_table(keras, values):
    table = keras.layers.Embedding(*np.shape(values), dtype="float64")
    table.build()
    table.embeddings.assign(values)
    return table


def keras_step(table, optimizer, rows, grads):
    """Take one step with given gradients of the lookups."""
    table.zero_grad()
    output = table(np.asarray(rows))
    output.backward(output.new_tensor(np.asarray(grads, float)))
    optimizer.apply([table.embeddings.value.grad], [table.embeddings])


def keras_state(optimizer):
    return {each.path.split("_")[-1]: each.value.detach().numpy().copy() for each in optimizer.variables}


def keras_two_steps(keras, optimizer):
    """Look up rows 0, 1 and 1 of five rows, then row 2, with a gradient of 1 for each lookup."""
    table, states = keras_table(keras, np.ones((5, 1))), []
    for rows in ([0, 1, 1], [2]):
        keras_step(table, optimizer, rows, np.ones((len(rows), 1)))
        states.append(keras_state(optimizer))
    return table.embeddings.value.detach().numpy()[:, 0], *states


# The rate is exact in float32, which Keras stores it in. Epsilons have other positions in Keras. Here they are so
# small that they have no effect, except in Adagrad, where epsilon is part of the initial sum.
KERAS = {
    "SGD": (SGD(0.125), {}),
    "SGD with momentum": (Momentum(0.125, 0.9), {"momentum": 0.9}),
    "Adagrad": (Adagrad(0.125, initial_accumulator_value=0.1 + 1e-7, eps=1e-30), {}),
    "RMSprop": (RMSProp(0.125, eps=1e-30), {"epsilon": 1e-60}),
    "Adam": (Adam(0.125, eps=1e-30), {"epsilon": 1e-30}),
}


@pytest.mark.parametrize("name", KERAS)
def test_50_steps_of_keras_are_dense_and_equal_update_rows_only_for_sgd_and_adagrad(keras, name):
    ours, settings = KERAS[name]
    table = keras_table(keras, initial_table())
    optimizer = getattr(keras.optimizers, name.split()[0])(0.125, **settings)
    dense = np.zeros((NUM_STEPS, NUM_ROWS, DIM))
    for step, (rows, grads) in enumerate(batches()):
        keras_step(table, optimizer, rows, grads)
        np.add.at(dense[step], rows, grads)
    values = table.embeddings.value.detach().numpy()
    expected = minimize(ours, lambda params, step: dense[step], initial_table(), NUM_STEPS).params[-1]
    np.testing.assert_allclose(values, expected, rtol=1e-10, atol=1e-10)
    difference = np.abs(values - our_table(ours)).max()
    assert difference < 1e-10 if name in ("SGD", "Adagrad") else difference > 0.1


def test_the_gradient_of_a_keras_table_has_all_rows(keras, torch):
    table = keras_table(keras, np.ones((5, 2)))
    table(np.array([3, 3])).sum().backward()
    grad = table.embeddings.value.grad
    assert grad.layout == torch.strided
    assert grad.tolist() == [[2.0, 2.0] if row == 3 else [0.0, 0.0] for row in range(5)]


def test_adam_and_momentum_of_keras_move_every_row_that_ever_had_a_gradient(keras):
    for optimizer in (keras.optimizers.Adam(0.1), keras.optimizers.SGD(0.1, momentum=0.9)):
        rows, _, _ = keras_two_steps(keras, optimizer)
        assert (rows[:2] < 0.9 - 0.05).all()
        assert rows[3:].tolist() == [1, 1]


def test_the_averages_of_rmsprop_and_adam_of_keras_decay_without_a_gradient(keras):
    _, first, second = keras_two_steps(keras, keras.optimizers.RMSprop(0.1, rho=0.75))
    np.testing.assert_allclose(second["velocity"][:2], 0.75 * first["velocity"][:2])
    _, first, second = keras_two_steps(keras, keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.75))
    np.testing.assert_allclose(second["momentum"][:2], 0.5 * first["momentum"][:2])
    np.testing.assert_allclose(second["velocity"][:2], 0.75 * first["velocity"][:2])
    assert (first["momentum"][:2] > 0).all()


def test_the_weight_decay_of_keras_applies_to_all_rows_unless_the_table_is_excluded(keras):
    for name in ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW"):
        for is_excluded in (False, True):
            both = [keras.Variable(np.ones((3, 1))) for _ in ("table", "output layer")]
            optimizer = getattr(keras.optimizers, name)(0.125, weight_decay=0.5)
            if is_excluded:
                optimizer.exclude_from_weight_decay(var_list=both[:1])
            optimizer.apply([keras.ops.zeros((3, 1))] * 2, both)
            table, layer = (each.value.detach().numpy() for each in both)
            np.testing.assert_array_equal(layer, 1 - 0.125 * 0.5)
            np.testing.assert_array_equal(table, 1 if is_excluded else layer)


def test_keras_has_no_lazy_adam(keras):
    assert not [name for name in dir(keras.optimizers) if re.search("lazy|sparse", name, re.IGNORECASE)]
    assert not [name for name in inspect.signature(keras.optimizers.Adam).parameters if "lazy" in name]


def test_keras_sums_repeated_rows_before_the_square_and_the_sum_of_its_adagrad_starts_at_0_1(keras):
    optimizer = keras.optimizers.Adagrad(0.1)
    table = keras_table(keras, np.ones((2, 1)))
    keras_step(table, optimizer, [1, 1, 1], np.ones((3, 1)))
    np.testing.assert_allclose(keras_state(optimizer)["accumulator"][:, 0], [0.1, 0.1 + 9], rtol=1e-7)


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam"])
def test_the_defaults_of_keras_are_those_in_the_book(keras, name):
    chapter = (Path(__file__).parents[2] / "book" / "key_takeaways.md").read_text(encoding="utf-8")
    listed = re.search(rf"- Keras: `optimizers\.{name}\((.*)\)`", chapter)[1]
    parameters = inspect.signature(getattr(keras.optimizers, name)).parameters
    for setting in listed.split(", "):
        key, default = setting.split("=")
        assert parameters[key].default == float(default)


def test_the_position_of_epsilon_in_keras(keras):
    def first_step(kind, **settings):
        variable = keras.Variable(np.zeros(1))
        kind(1.0, epsilon=0.5, **settings).apply([keras.ops.ones(1)], [variable])
        return -variable.value.item()

    optimizers = keras.optimizers
    assert first_step(optimizers.Adagrad, initial_accumulator_value=0.0) == pytest.approx(1 / np.sqrt(1 + 0.5))
    assert first_step(optimizers.RMSprop, rho=0.75) == pytest.approx(1 / np.sqrt(0.25 + 0.5))
    # Equal to the equation in the book with an epsilon of 0.5 / sqrt(1 - beta2), which is 1.
    assert first_step(optimizers.Adam, beta_2=0.75) == pytest.approx(1 / (1 + 1))


def test_the_momentum_of_keras_applies_the_old_rate_to_old_gradients(keras):
    optimizer, variable = keras.optimizers.SGD(1.0, momentum=0.5), keras.Variable(np.zeros(1))
    for rate, grad in ((1.0, 1.0), (100.0, 0.0)):
        optimizer.learning_rate = rate
        optimizer.apply([grad * keras.ops.ones(1)], [variable])
    assert variable.value.item() == -1.5
