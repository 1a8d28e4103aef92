"""Trajectories equal those of torch.optim and Optax, recorded and live, or an equation written in another way."""

import importlib
import json
import os
from dataclasses import fields, replace

import numpy as np
import pytest
from record_reference import (
    CASES,
    LIBRARIES,
    MATRIX,
    NUM_STEPS,
    PARITY,
    RECORD,
    RECORDED_STEPS,
    START,
    gradients,
    trajectory,
)

from adaptive_optim import (
    ALL_OPTIMIZERS,
    SOAP,
    CenteredRMSProp,
    FullMatrixAdagrad,
    Muon,
    NAdam,
    RowwiseAdagrad,
    Shampoo,
    minimize,
)

RECORDED = json.loads(RECORD.read_text())
IN_RECORD = list(RECORDED["trajectories"])
BOTH = [(library, case) for case in CASES for library in LIBRARIES]


def import_or_skip(library):
    """Import a library, or skip the test if it is not installed. In continuous integration nothing is skipped."""
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{library} is not installed")


def run_on(optimizer, start, dtype=np.float64):
    grads = np.array(gradients(start), dtype)
    return minimize(optimizer, lambda params, step: grads[step], np.array(start, dtype), NUM_STEPS)


def our_run(case, dtype=np.float64):
    row, our = CASES[case]
    return run_on(row.ours(**our), row.start, dtype)


def path_of(run):
    return run.params[1:].reshape(NUM_STEPS, -1).T


def assert_same(path, reference, rtol):
    # An absolute tolerance, too, because a path may cross zero.
    np.testing.assert_allclose(path, reference, rtol=rtol, atol=rtol)


def test_every_optimizer_has_a_row_in_the_parity_table_or_an_independent_equation():
    in_libraries = {row.ours for row in PARITY.values()}
    by_equation = {type(optimizer) for optimizer, _, _ in EQUATIONS.values()}
    assert not in_libraries & by_equation
    assert in_libraries | by_equation == set(ALL_OPTIMIZERS)
    assert all(len(row.settings) >= 2 for row in PARITY.values())


def test_the_record_contains_every_case_of_each_library():
    different_definition = {
        f"{library} {case}"
        for case, (row, our) in CASES.items()
        for library, differs in {
            "torch": row.torch is None,
            "optax": our.get("nesterov", False) or (row.ours.__name__ == "Adagrad" and our["eps"] > 1e-30),
        }.items()
        if differs
    }
    assert len(different_definition) == 7
    assert set(IN_RECORD) == {f"{library} {case}" for library, case in BOTH} - different_definition
    assert set(RECORDED["versions"]) == {"torch", "optax", "jax", "numpy"}


def test_one_gradient_is_dense_and_one_sparse_and_none_is_close_to_zero():
    dense, sparse = gradients().T
    assert NUM_STEPS >= 200
    assert np.abs(dense).min() >= 1 / 16
    assert np.abs(sparse[sparse != 0]).min() >= 1 / 16
    assert not sparse[:20].any()
    assert 10 < np.count_nonzero(sparse) < 40
    assert {-1.0, 1.0} == set(np.sign(dense)) == set(np.sign(sparse[sparse != 0]))
    assert gradients(MATRIX).shape == (NUM_STEPS, 3, 2)
    assert np.abs(gradients(MATRIX)).min() >= 1 / 16
    for start in (START, MATRIX):
        np.testing.assert_array_equal(np.float32(gradients(start)), gradients(start))


@pytest.mark.parametrize("name", IN_RECORD)
def test_a_trajectory_equals_the_recorded_one(name):
    _, case = name.split(" ", 1)
    assert_same(path_of(our_run(case))[:, RECORDED_STEPS], RECORDED["trajectories"][name], rtol=1e-10)


@pytest.mark.parametrize(("library", "case"), BOTH)
def test_a_trajectory_and_the_record_equal_the_live_trajectory(library, case):
    import_or_skip(library)
    live = trajectory(library, case)
    if live is None:
        assert f"{library} {case}" not in IN_RECORD
    else:
        assert_same(path_of(our_run(case)), live, rtol=1e-10)
        assert_same(np.array(RECORDED["trajectories"][f"{library} {case}"]), live[:, RECORDED_STEPS], rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_float32_trajectory_is_close_to_the_record(case):
    run = our_run(case, np.float32)
    assert run.params.dtype == run.rates.dtype == run.grads.dtype == np.float32
    name = next(name for name in IN_RECORD if name.endswith(f" {case}"))
    assert np.abs(path_of(run)[:, RECORDED_STEPS] - RECORDED["trajectories"][name]).max() < 1e-4


def test_a_missing_library_skips_a_test_locally_and_fails_it_in_continuous_integration(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="is not installed"):
        import_or_skip("no_such_library")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(ModuleNotFoundError):
        import_or_skip("no_such_library")


# Equations that no library has, written in another way than the optimizer.


def matrix_power(matrix, power):
    """Return a power of a positive definite matrix, from a singular value decomposition."""
    u, singular_values, vt = np.linalg.svd(matrix)
    return u @ np.diag(singular_values**power) @ vt


def rowwise_adagrad(our, grads):
    for t, grad in enumerate(grads, 1):
        sums = our.initial_accumulator_value + np.einsum("tij,tij->i", grads[:t], grads[:t]) / grad.shape[1]
        yield np.diag(our.learning_rate / (our.eps + sums**0.5)) @ grad


def full_matrix_adagrad(our, grads):
    total = np.zeros((grads.shape[1],) * 2)
    for grad in grads:
        total += np.outer(grad, grad)
        yield our.learning_rate * np.linalg.solve(matrix_power(total, 0.5) + our.eps * np.eye(len(grad)), grad)


def shampoo(our, grads):
    """Take a step of one vector, with the Kronecker product of the two roots."""
    rows, columns = grads.shape[1:]
    left, right = our.eps * np.eye(rows), our.eps * np.eye(columns)
    for grad in grads:
        left, right = left + grad @ grad.T, right + grad.T @ grad
        preconditioner = np.kron(matrix_power(left, 0.25), matrix_power(right, 0.25))
        yield our.learning_rate * np.linalg.solve(preconditioner, grad.ravel()).reshape(grad.shape)


def soap(our, grads):
    """Take a step of one vector, whose basis is the Kronecker product of the two bases."""
    rows, columns = grads.shape[1:]
    beta1, beta2 = our.beta1, our.beta2
    left, right = (1 - beta2) * grads[0] @ grads[0].T, (1 - beta2) * grads[0].T @ grads[0]
    bases = [np.linalg.svd(matrix)[0] for matrix in (left, right)]
    m, v = np.zeros(rows * columns), np.zeros(rows * columns)
    yield np.zeros((rows, columns))
    for t, grad in enumerate(grads[1:], 1):
        basis = np.kron(*bases)
        m += (1 - beta1) * (grad.ravel() - m)
        v += (1 - beta2) * ((grad.ravel() @ basis) ** 2 - v)
        adam = (m @ basis / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + our.eps)
        yield our.learning_rate * (basis @ adam).reshape(grad.shape)
        left += (1 - beta2) * (grad @ grad.T - left)
        right += (1 - beta2) * (grad.T @ grad - right)
        if t % our.precondition_frequency == 0:
            # The columns of a basis may have another sign, which cancels.
            bases = [gram_schmidt(matrix @ q) for matrix, q in zip((left, right), bases, strict=True)]


def gram_schmidt(matrix):
    basis = []
    for column in matrix.T:
        for _ in range(2):  # the second time removes rounding errors
            column = column - sum((other * (other @ column) for other in basis), np.zeros(len(column)))
        basis.append(column / np.linalg.norm(column))
    return np.array(basis).T


EQUATIONS = {
    "RowwiseAdagrad": (RowwiseAdagrad(0.5), rowwise_adagrad, MATRIX),
    "RowwiseAdagrad, eps": (RowwiseAdagrad(0.1, 2.5, 0.3), rowwise_adagrad, MATRIX),
    "FullMatrixAdagrad": (FullMatrixAdagrad(0.5, eps=1e-3), full_matrix_adagrad, START),
    "FullMatrixAdagrad, eps": (FullMatrixAdagrad(0.1, eps=0.3), full_matrix_adagrad, START),
    "Shampoo": (Shampoo(0.5, eps=1e-3), shampoo, MATRIX),
    "Shampoo, eps": (Shampoo(0.1, eps=2.0), shampoo, MATRIX),
    "SOAP": (SOAP(0.05), soap, MATRIX),
    "SOAP, every step": (SOAP(0.02, 0.8, 0.99, 0.1, precondition_frequency=1), soap, MATRIX),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_a_trajectory_equals_the_equation_written_in_another_way(name):
    optimizer, equation, start = EQUATIONS[name]
    steps = np.array(list(equation(optimizer, gradients(start))))
    assert_same(run_on(optimizer, start).params[1:], start - np.cumsum(steps, axis=0), rtol=1e-10)


@pytest.mark.parametrize("number", [float, np.float64, np.float32, np.array], ids=lambda number: number.__name__)
@pytest.mark.parametrize("case", [*CASES, *EQUATIONS])
def test_a_step_preserves_float32_in_state_rate_and_direction(case, number):
    if case in CASES:
        row, our = CASES[case]
        optimizer, start = row.ours(**our), row.start
    else:
        optimizer, _, start = EQUATIONS[case]
    settings = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}
    optimizer = replace(optimizer, **{name: number(x) for name, x in settings.items() if not isinstance(x, bool)})
    state = optimizer.init(np.float32(start))
    for grad in np.float32(gradients(start)[:24]):
        state, rate, direction, _ = optimizer.step(state, grad)
        arrays = [array for array in state if not isinstance(array, int)]
        assert {array.dtype for array in [*arrays, rate, direction]} == {np.dtype("float32")}
        assert rate.shape == direction.shape == grad.shape


# Differences that the docstrings name.


def test_muon_of_torch_differs_by_the_precision_of_bfloat16():
    torch = import_or_skip("torch")
    params = torch.tensor(MATRIX, dtype=torch.float64)
    optimizer = torch.optim.Muon([params], lr=0.01, weight_decay=0.0)
    params.grad = torch.tensor(gradients(MATRIX)[0])
    optimizer.step()
    ours = run_on(Muon(0.01), MATRIX).params[1]
    difference = np.abs(params.numpy() - ours).max() / 0.01
    assert 2**-11 < difference < 2**-4


def test_nadam_of_torch_has_a_smaller_momentum_by_default():
    torch = import_or_skip("torch")
    params = torch.tensor([0.0], dtype=torch.float64)
    optimizer = torch.optim.NAdam([params], lr=0.01, betas=(0.5, 0.999))
    params.grad = torch.tensor([4.0], dtype=torch.float64)
    optimizer.step()
    mu, next_mu = (0.5 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in (1, 2))
    torch_step = next_mu * 0.5 / (1 - mu * next_mu) + 1
    our_step = 0.5 * 0.5 / (1 - 0.5**2) + 1
    np.testing.assert_allclose(params.numpy(), [-0.01 * torch_step], rtol=1e-6)
    ours = minimize(NAdam(0.01, beta1=0.5), lambda params, step: [4.0], [0.0], 1).params[1]
    np.testing.assert_allclose(ours, [-0.01 * our_step], rtol=1e-6)


def test_a_constant_gradient_can_make_the_centred_rmsprop_of_torch_nan_but_not_ours():
    torch = import_or_skip("torch")
    params = torch.tensor([1.0], dtype=torch.float64)
    optimizer = torch.optim.RMSprop([params], alpha=0.5, centered=True)
    for _ in range(60):
        params.grad = torch.tensor([0.1], dtype=torch.float64)
        optimizer.step()
    assert params.isnan().all()
    ours = minimize(CenteredRMSProp(rho=0.5), lambda params, step: [0.1], [1.0], 60)
    assert not ours.diverged
    assert (np.diff(ours.rates, axis=0) >= 0).all()
