"""Steps of torch.optim, Optax and Keras equal the rates that are read from them times the directions."""

import warnings

import numpy as np
import pytest
from test_parity import import_or_skip

from adaptive_optim import SGD, RateRecorder, effective_rates, rate_histogram

WARM_UP = 6
SHAPES = {"table": (6, 4), "bias": (4,)}
HAS_GRADIENT = {"table": np.tile([True, True, True, False], (6, 1)), "bias": np.array([True, True, True, False])}
# A float32 parameter is rounded at each step, so the change is exact up to this relative error of the parameter.
ROUNDING = 2.0**-23


def gradients(dtype=np.float32):
    """Return the gradients of 7 steps, arrays by name.

    The last column has no gradient in any step, the one before it in the first step only. The gradients of the last
    step are large, so Adafactor clips it.
    """
    rng = np.random.default_rng(3)
    steps = []
    for step in range(WARM_UP + 1):
        size = np.array([1.0, 1.0, step == 0, 0.0]) * (3 if step == WARM_UP else 1)
        steps.append({name: (size * rng.normal(size=shape)).astype(dtype) for name, shape in SHAPES.items()})
    return steps


def start():
    rng = np.random.default_rng(4)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


def double(array):
    return np.asarray(array, np.float64)


def assert_step_equals_rate_times_direction(old, new, rate, direction, decay=0.0):
    """Check that the rate times the direction is the change, up to a relative error of 1e-6."""
    assert rate.dtype == np.float32
    assert rate.shape == np.shape(old)
    has_rate = ~np.isnan(rate)
    change = np.where(has_rate, double(np.where(has_rate, rate, 0.0)) * direction, 0.0)
    expected = (1 - decay) * double(old) - change
    tolerance = 1e-6 * np.abs(change) + ROUNDING * np.maximum(np.abs(old), np.abs(new))
    assert (np.abs(double(new) - expected) <= tolerance).all()
    assert np.abs(change[has_rate]).max() > 1e4 * ROUNDING


# torch.optim


@pytest.fixture
def torch():
    library = import_or_skip("torch")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse invariant checks")
        yield library


def as_array(tensor):
    return (tensor.to_dense() if tensor.is_sparse else tensor).detach().double().numpy()


def torch_mean(state, group):
    return as_array(state["exp_avg"]) / (1 - float(group["betas"][0]) ** float(state["step"]))


def torch_nadam_mean(grad, state, group):
    beta1, decay, step = group["betas"][0], group["momentum_decay"], float(state["step"])
    now, following = (beta1 * (1 - 0.5 * 0.96 ** (each * decay)) for each in (step, step + 1))
    product = float(state["mu_product"])
    return grad * (1 - now) / (1 - product) + as_array(state["exp_avg"]) * following / (1 - product * following)


def torch_rmsprop_direction(grad, state, group):
    if not group["momentum"]:
        return grad
    squares = as_array(state["square_avg"])
    if group["centered"]:
        squares = squares - as_array(state["grad_avg"]) ** 2
    return as_array(state["momentum_buffer"]) * (np.sqrt(squares) + group["eps"])


def torch_sgd_direction(grad, state, group):
    if not group["momentum"]:
        return grad
    buffer = as_array(state["momentum_buffer"])
    return grad + group["momentum"] * buffer if group["nesterov"] else buffer


def torch_direction(kind, grad, old, state, group):
    """Return what the rate multiplies, from the gradient and the state after the step."""
    grad = double(grad)
    if group.get("maximize"):
        grad = -grad
    if not (kind in ("AdamW", "Adafactor") or group.get("decoupled_weight_decay")):
        grad = grad + group.get("weight_decay", 0) * double(old)
    if kind == "SGD":
        return torch_sgd_direction(grad, state, group)
    if kind == "RMSprop":
        return torch_rmsprop_direction(grad, state, group)
    if kind == "NAdam":
        return torch_nadam_mean(grad, state, group)
    if kind in ("Adagrad", "Adadelta", "Adafactor"):
        return grad
    return torch_mean(state, group)


TORCH = [
    ("SGD", {}),
    ("SGD", {"weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "maximize": True}),
    ("SGD", {"momentum": 0.9, "fused": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.5, "weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {"initial_accumulator_value": 0.1, "eps": 0.3}),
    ("Adagrad", {"fused": True}),
    ("RMSprop", {}),
    ("RMSprop", {"weight_decay": 0.1, "maximize": True, "eps": 0.3}),
    ("RMSprop", {"centered": True, "alpha": 0.9}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True, "momentum": 0.9, "alpha": 0.9}),
    ("Adam", {}),
    ("Adam", {"weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 0.3}),
    ("Adam", {"amsgrad": True, "maximize": True, "betas": (0.9, 0.5)}),
    ("Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("Adam", {"fused": True}),
    ("AdamW", {"weight_decay": 0.1}),
    ("AdamW", {"weight_decay": 0.1, "amsgrad": True, "betas": (0.9, 0.5)}),
    ("NAdam", {}),
    ("NAdam", {"weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True}),
    ("NAdam", {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("RAdam", {}),
    ("RAdam", {"betas": (0.9, 0.9), "weight_decay": 0.1}),  # not yet rectified
    ("RAdam", {"decoupled_weight_decay": True, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"weight_decay": 0.1, "maximize": True, "eps": 0.01}),
    ("Adadelta", {}),
    ("Adadelta", {"weight_decay": 0.1, "maximize": True, "rho": 0.5}),
    ("Adafactor", {}),
    ("Adafactor", {"weight_decay": 0.1, "maximize": True, "d": 1.5, "eps": (1e-3, 1e-3)}),
]
# With these learning rates, steps are about as large as the parameters, so their rounding error is small.
TORCH_RATES = {"Adadelta": 100.0, "Adafactor": 5.0}


def torch_parameters(torch):
    return {name: torch.nn.Parameter(torch.tensor(values)) for name, values in start().items()}


def torch_run(torch, optimizer, params, sparse=False):
    """Take all steps with an optimizer: return the parameters before the last one, and its gradients."""
    for grads in gradients():
        old = {name: param.detach().clone().numpy() for name, param in params.items()}
        for name, param in params.items():
            grad = torch.tensor(grads[name])
            param.grad = grad.to_sparse(1) if sparse else grad
        optimizer.step()
    return old, grads


def make_torch(torch, kind, params, **options):
    return getattr(torch.optim, kind)(params, **{"lr": TORCH_RATES.get(kind, 0.5), **options})


# Fused and foreach exclude each other.
FOREACH = [(kind, {**options, "foreach": True}) for kind, options in TORCH if "fused" not in options]


@pytest.mark.parametrize(("kind", "options"), TORCH + FOREACH, ids=str)
def test_a_step_of_torch_is_the_rate_times_the_direction(torch, kind, options):
    params = torch_parameters(torch)
    optimizer = make_torch(torch, kind, params.values(), **options)
    with RateRecorder(optimizer, every=WARM_UP + 1, names=params, keep_last=True) as recorder:
        old, grads = torch_run(torch, optimizer, params)
    rates = recorder.last_rates
    (group,) = optimizer.param_groups
    is_decoupled = kind in ("AdamW", "Adafactor") or group.get("decoupled_weight_decay", False)
    decay = group["lr"] * group.get("weight_decay", 0.0) if is_decoupled else 0.0
    for name, param in params.items():
        direction = torch_direction(kind, grads[name], old[name], optimizer.state.get(param, {}), group)
        assert_step_equals_rate_times_direction(old[name], param.detach().numpy(), rates[name], direction, decay)
        if kind == "SGD" and not group["momentum"]:
            assert (rates[name] == 0.5).all()
        elif is_decoupled or not group.get("weight_decay"):
            np.testing.assert_array_equal(np.isnan(rates[name]), ~HAS_GRADIENT[name])
    if kind not in ("Adadelta", "Adafactor"):
        direct = effective_rates(optimizer, names=params.items())
        assert {name: rate.tobytes() for name, rate in direct.items()} == {
            name: rate.tobytes() for name, rate in rates.items()
        }


@pytest.mark.parametrize("kind", ["Adam", "NAdam", "RAdam", "Adamax", "RMSprop"])
def test_a_capturable_state_of_torch_is_supported(torch, kind):
    params = torch_parameters(torch)
    optimizer = make_torch(torch, kind, params.values(), lr=torch.tensor(0.5))
    torch_run(torch, optimizer, params)
    rates = effective_rates(optimizer, names=params)
    # Only a graphics processor takes such a step. It computes the corrections in float32: 1 - 0.999**7 then has 5
    # digits, and the difference of almost equal numbers in RAdam has 2.
    optimizer.param_groups[0]["capturable"] = True
    for name, rate in effective_rates(optimizer, names=params).items():
        np.testing.assert_allclose(rate, rates[name], rtol=0.01 if kind == "RAdam" else 1e-4)


def test_a_differentiable_step_of_adam_is_the_rate_times_the_direction(torch):
    params = torch_parameters(torch)
    optimizer = make_torch(torch, "Adam", [param.detach() for param in params.values()], differentiable=True)
    params = dict(zip(params, optimizer.param_groups[0]["params"], strict=True))
    old, _ = torch_run(torch, optimizer, params)
    rates = effective_rates(optimizer, names=params)
    for name, param in params.items():
        state = optimizer.state[param]
        mean = as_array(state["exp_avg"]) / (1 - np.float32(0.9) ** np.float32(WARM_UP + 1))
        assert_step_equals_rate_times_direction(old[name], param.detach().numpy(), rates[name], mean)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("SGD", {}), ("SGD", {"momentum": 0.9}), ("Adagrad", {}), ("SparseAdam", {"maximize": True, "eps": 0.1})],
    ids=str,
)
def test_a_step_of_torch_with_sparse_gradients_is_the_rate_times_the_direction(torch, kind, options):
    table = torch.nn.Embedding(5, 2, sparse=True)
    optimizer = make_torch(torch, kind, [table.weight], **options)
    for rows in ([0, 1], [2, 2], [0, 2]):  # row 1 is not looked up again, rows 3 and 4 never
        old = table.weight.detach().clone().numpy()
        optimizer.zero_grad()
        (table(torch.tensor(rows)) ** 3).sum().backward()
        optimizer.step()
    (rate,) = effective_rates(optimizer).values()
    state = optimizer.state[table.weight]
    grad = as_array(table.weight.grad)
    if kind == "SparseAdam":
        direction = torch_mean(state, optimizer.param_groups[0]) * np.isin(np.arange(5), rows)[:, None]
    else:
        direction = as_array(state["momentum_buffer"]) if options else grad
    assert_step_equals_rate_times_direction(old, table.weight.detach().numpy(), rate, direction)
    if kind != "SGD" or options:
        assert np.isnan(rate).all(axis=1).tolist() == [False, False, False, True, True]
        assert not np.isnan(rate[:3]).any()


def test_each_parameter_group_of_torch_has_its_own_settings_and_each_parameter_a_name(torch):
    params = torch_parameters(torch)
    table, bias = params.values()
    groups = [{"params": [table]}, {"params": [bias], "lr": 0.25, "betas": (0.9, 0.5)}]
    optimizer = torch.optim.Adam(groups, lr=0.5)
    old, _ = torch_run(torch, optimizer, params)
    rates = effective_rates(optimizer)
    assert list(rates) == ["group 0, parameter 0", "group 1, parameter 0"]
    for name, rate, group in zip(params, rates.values(), optimizer.param_groups, strict=True):
        direction = torch_mean(optimizer.state[params[name]], group)
        assert_step_equals_rate_times_direction(old[name], params[name].detach().numpy(), rate, direction)
    assert list(effective_rates(optimizer, names=params)) == list(params)
    # An optimizer created from named parameters has the names.
    named = torch.optim.Adam(params.items())
    torch_run(torch, named, params)
    assert list(effective_rates(named)) == list(params)


def test_a_parameter_of_torch_without_any_gradient_has_rates_of_nan(torch):
    params = torch_parameters(torch)
    optimizer = torch.optim.Adam(params.values())
    params["table"].grad = torch.ones((6, 4))
    optimizer.step()
    rates = effective_rates(optimizer, names=params)
    assert np.isnan(rates["bias"]).all()
    assert rates["bias"].shape == (4,)
    assert not np.isnan(rates["table"]).any()


def test_the_rate_is_read_before_a_scheduler_changes_it_and_after_a_step_with_a_closure(torch):
    params = torch_parameters(torch)
    optimizer = torch.optim.Adafactor(params.values(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)

    def closure():
        optimizer.zero_grad()
        loss = sum((param**2).sum() for param in params.values())
        loss.backward()
        return loss

    with RateRecorder(optimizer, every=1, names=params, keep_last=True) as recorder:
        for _ in range(2):
            old = {name: param.detach().clone().numpy() for name, param in params.items()}
            optimizer.step(closure)
            scheduler.step()
    for name, param in params.items():
        assert_step_equals_rate_times_direction(
            old[name], param.detach().numpy(), recorder.last_rates[name], double(2 * old[name])
        )


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_rates_have_the_precision_of_the_state_but_at_least_float32(torch, dtype):
    param = torch.nn.Parameter(torch.ones(3, dtype=getattr(torch, dtype)))
    optimizer = torch.optim.Adam([param], lr=0.5)
    param.grad = torch.full_like(param, 2.0)
    optimizer.step()
    (rate,) = effective_rates(optimizer).values()
    assert rate.dtype == ("float64" if dtype == "float64" else "float32")
    np.testing.assert_allclose(rate, 0.25, rtol=0.01 if dtype == "bfloat16" else 1e-7)


def test_the_rates_are_a_copy_of_the_state(torch):
    params = torch_parameters(torch)
    optimizer = torch.optim.Adam(params.values())
    torch_run(torch, optimizer, params)
    before = {name: as_array(optimizer.state[param]["exp_avg_sq"]) for name, param in params.items()}
    for rate in effective_rates(optimizer).values():
        rate[:] = 7
    for name, param in params.items():
        np.testing.assert_array_equal(as_array(optimizer.state[param]["exp_avg_sq"]), before[name])


def one_parameter(torch, **options):
    param = torch.nn.Parameter(torch.ones(2, **options))
    param.grad = torch.ones_like(param)
    return param


def test_a_missing_or_wrong_argument_of_torch_is_named_in_the_error(torch):
    def check(make, message, *, step=True, **arguments):
        param = one_parameter(torch)
        optimizer = make(param)
        if step:
            optimizer.step()
        with pytest.raises(ValueError, match=message):
            effective_rates(optimizer, **arguments)

    adam = torch.optim.Adam
    check(lambda param: adam([param]), "optimizer: has not made a step", step=False)
    check(lambda param: torch.optim.Adagrad([param]), "optimizer: has not made a step", step=False)
    check(lambda param: torch.optim.SGD([param], momentum=0.9), "optimizer: has not made a step", step=False)
    check(lambda param: torch.optim.Rprop([param]), r"optimizer: torch\.optim\.rprop\.Rprop is not supported")
    check(lambda param: torch.optim.Adadelta([param]), "rates of torch.optim.Adadelta .* with RateRecorder")
    check(lambda param: torch.optim.Adafactor([param]), "rates of torch.optim.Adafactor .* with RateRecorder")
    check(lambda param: adam([param]), "settings: only for the state of an Optax", settings={"learning_rate": 1})
    check(lambda param: adam([param]), "params: only for the state of Optax's sgd", params=[1])
    check(lambda param: adam([param]), r"names: no name for group 0, parameter 0, of shape \(2,\)", names={})
    for wrong in (3, "weight", [("weight",)], [(1, 2)]):
        check(lambda param: adam([param]), "names: must be pairs of a name and a parameter", names=wrong)
    two = [one_parameter(torch), one_parameter(torch)]
    optimizer = adam(two)
    optimizer.step()
    with pytest.raises(ValueError, match="names: 'same' is the name of two parameters"):
        effective_rates(optimizer, names=[("same", each) for each in two])
    optimizer = adam([one_parameter(torch, dtype=torch.complex64)])
    optimizer.step()
    with pytest.raises(ValueError, match="optimizer: 'group 0, parameter 0' is complex"):
        effective_rates(optimizer)


def test_a_subclass_of_torch_with_another_step_is_not_supported(torch):
    class Renamed(torch.optim.Adam):
        pass

    class Halved(torch.optim.Adam):
        def step(self, closure=None):
            for group in self.param_groups:
                group["lr"] /= 2
            return super().step(closure)

    optimizers = [kind([one_parameter(torch)]) for kind in (Renamed, Halved)]
    for optimizer in optimizers:
        optimizer.step()
    assert effective_rates(optimizers[0])
    with pytest.raises(
        ValueError, match=r"optimizer: .*Halved is not supported\. Give an optimizer of torch\.optim"
    ):
        effective_rates(optimizers[1])


# Optax


@pytest.fixture
def optax():
    import_or_skip("jax")
    return import_or_skip("optax")


def optax_mean(inner, settings, grad):
    if settings.get("nesterov"):
        b1 = np.float32(0.9)
        mean = double(inner.mu) / (1 - b1 ** np.float32(inner.count + 1))
        return b1 * mean + (1 - b1) * grad / (1 - b1 ** np.float32(inner.count))
    if settings.get("bias_correction_mu", True):
        return double(inner.mu) / (1 - np.float32(0.9) ** np.float32(inner.count))
    return double(inner.mu)


OPTAX = [
    ("sgd", {"momentum": 0.9}),
    ("adagrad", {}),
    ("adagrad", {"initial_accumulator_value": 0.0, "eps": 0.1}),
    ("rmsprop", {}),
    ("rmsprop", {"eps_in_sqrt": False, "eps": 0.1, "decay": 0.5}),
    ("rmsprop", {"bias_correction": True}),
    ("rmsprop", {"centered": True}),
    ("rmsprop", {"centered": True, "bias_correction": True, "eps_in_sqrt": False, "eps": 0.1}),
    ("adam", {}),
    ("adam", {"b2": 0.9, "eps": 0.1, "eps_root": 0.2}),
    ("adam", {"nesterov": True}),
    ("nadam", {}),
    ("adamw", {"weight_decay": 0.1}),
    ("nadamw", {"weight_decay": 0.1}),
    ("radam", {}),
    ("radam", {"b2": 0.9}),  # not yet rectified
    ("adamax", {}),
    ("adamax", {"eps": 0.1}),
    ("adamaxw", {"weight_decay": 0.1}),
    ("amsgrad", {"b2": 0.5}),
    ("amsgrad", {"bias_correction_mu": False, "bias_correction_nu": False, "b2": 0.5}),
    ("adadelta", {}),
    ("adadelta", {"rho": 0.5, "eps": 0.1}),
]


def accumulator(chain):
    """Return the state in a chain that has arrays by parameter name."""
    (state,) = [each for each in chain if len(each) and isinstance(each[-1], dict)]
    return state


def optax_run(optimizer, recorder=None):
    """Take all steps: return the parameters before and after the last one, the state and the gradients."""
    params = start()
    state = optimizer.init(params)
    update = import_or_skip("jax").jit(optimizer.update)
    for grads in gradients():
        old = params
        if recorder:
            recorder.before_step(state)
        updates, state = update(grads, state, params)
        if recorder:
            recorder.after_step(state)
        params = {name: params[name] + np.asarray(updates[name]) for name in params}
    return old, params, state, grads


@pytest.mark.parametrize(("kind", "options"), OPTAX, ids=str)
def test_a_step_of_optax_is_the_rate_times_the_direction(optax, kind, options):
    rate = 100.0 if kind == "adadelta" else 0.5
    recorder = RateRecorder(
        settings={"optimizer": kind, "learning_rate": rate, **options}, every=WARM_UP + 1, keep_last=True
    )
    old, new, state, grads = optax_run(getattr(optax, kind)(rate, **options), recorder=recorder)
    inner = accumulator(state)
    for name in SHAPES:
        leaf_state = inner._replace(
            **{field: value[name] for field, value in inner._asdict().items() if isinstance(value, dict)}
        )
        if kind == "sgd":
            direction = double(leaf_state.trace)
        elif kind in ("adagrad", "rmsprop", "adadelta"):
            direction = double(grads[name])
        else:
            settings = {"nesterov": kind.startswith("nadam"), **options}
            direction = optax_mean(leaf_state, settings, double(grads[name]))
        decay = rate * options.get("weight_decay", 0.0)
        assert_step_equals_rate_times_direction(old[name], new[name], recorder.last_rates[name], direction, decay)
        np.testing.assert_array_equal(np.isnan(recorder.last_rates[name]), ~HAS_GRADIENT[name])


def test_the_momentum_of_optax_rmsprop_adds_up_steps_of_the_rate(optax):
    settings = {"learning_rate": 0.5, "momentum": 0.9}
    _, _, state, _ = optax_run(optax.rmsprop(**settings))
    _, _, plain, _ = optax_run(optax.rmsprop(0.5))
    rates = effective_rates(state, settings={"optimizer": "rmsprop", **settings})
    expected = effective_rates(plain, settings={"optimizer": "rmsprop", "learning_rate": 0.5})
    assert {name: rate.tobytes() for name, rate in rates.items()} == {
        name: rate.tobytes() for name, rate in expected.items()
    }


def test_the_rate_of_optax_sgd_without_momentum_needs_the_parameters(optax):
    old, new, state, grads = optax_run(optax.sgd(0.5))
    settings = {"optimizer": "sgd", "learning_rate": 0.5}
    rates = effective_rates(state, settings=settings, params=new)
    for name in SHAPES:
        assert_step_equals_rate_times_direction(old[name], new[name], rates[name], double(grads[name]))
    with pytest.raises(ValueError, match="params: give the parameters; the state of sgd without momentum"):
        effective_rates(state, settings=settings)


def test_a_state_of_optax_is_found_in_chains_wrappers_and_injected_settings(optax):
    def schedule(count):
        return 0.5 / (1 + count)

    optimizers = {
        "chain": optax.chain(optax.clip(1e6), optax.adam(schedule), optax.identity()),
        "nan": optax.apply_if_finite(optax.adam(schedule), 3),
        "injected": optax.inject_hyperparams(optax.adam)(learning_rate=schedule, b2=0.9),
        "named": optax.named_chain(("first", optax.scale_by_adam(b2=0.9)), ("then", optax.scale(-0.5 / 7))),
        "accumulating": optax.MultiSteps(optax.adam(schedule), 1),
    }
    for name, optimizer in optimizers.items():
        settings = {"optimizer": "adam"}
        if name != "injected":
            settings["learning_rate"] = 0.5 / 7 if name == "named" else schedule
        if name == "named":
            settings["b2"] = 0.9
        old, new, state, _ = optax_run(optimizer)
        rates = effective_rates(state, settings=settings)
        again = optax.adam(schedule, b2=0.9 if name in ("injected", "named") else 0.999)
        _, _, plain, _ = optax_run(again)
        for leaf in SHAPES:
            leaf_state = accumulator(plain)
            direction = optax_mean(leaf_state._replace(mu=leaf_state.mu[leaf], nu=leaf_state.nu[leaf]), {}, None)
            assert_step_equals_rate_times_direction(old[leaf], new[leaf], rates[leaf], direction)


def test_each_label_of_multi_transform_has_its_own_settings(optax):
    transforms = {"rows": optax.adagrad(0.5), "rest": optax.adam(0.25), "frozen": optax.set_to_zero()}
    optimizer = optax.multi_transform(transforms, {"table": "rows", "bias": "rest"})
    settings = {
        "rows": {"optimizer": "adagrad", "learning_rate": 0.5},
        "rest": {"optimizer": "adam", "learning_rate": 0.25},
        "frozen": {"optimizer": "set_to_zero"},
    }
    old, new, state, grads = optax_run(optimizer)
    rates = effective_rates(state, settings=settings)
    assert set(rates) == set(SHAPES)
    assert_step_equals_rate_times_direction(old["table"], new["table"], rates["table"], double(grads["table"]))
    _, _, adam, _ = optax_run(optax.adam(0.25))
    adam = effective_rates(adam, settings=settings["rest"])
    np.testing.assert_array_equal(rates["bias"], adam["bias"])
    for label in settings:
        with pytest.raises(ValueError, match=rf"settings\['{label}'\]: 'optimizer' is missing"):
            effective_rates(state, settings={**settings, label: None})
    plain = optax.multi_transform({"a": optax.sgd(0.1), "b": optax.adam(0.1)}, {"table": "a", "bias": "b"})
    _, _, state, _ = optax_run(plain)
    with pytest.raises(ValueError, match=r"the state of sgd\['a'\] does not name its parameters"):
        effective_rates(
            state, settings={"a": {"optimizer": "sgd", "learning_rate": 0.1}, "b": settings["rest"]}, params=start()
        )


def test_names_of_optax_are_the_paths_in_the_parameters(optax):
    optimizer = optax.adam(0.5)
    settings = {"optimizer": "adam", "learning_rate": 0.5}
    for params, names in (
        ({"dense": {"kernel": np.ones(2), "bias": np.ones(1)}}, {"dense/kernel", "dense/bias"}),
        ([np.ones(2), (np.ones(1),)], {"0", "1/0"}),
        (np.ones(3), {"params"}),
    ):
        _, state = optimizer.update(params, optimizer.init(params), params)
        assert set(effective_rates(state, settings=settings)) == names


def test_a_missing_or_wrong_argument_of_optax_is_named_in_the_error(optax):
    _, _, state, _ = optax_run(optax.adam(0.5))
    good = {"optimizer": "adam", "learning_rate": 0.5}

    def check(message, state=state, **arguments):
        with pytest.raises(ValueError, match=message):
            effective_rates(state, **arguments)

    check("settings: 'optimizer' is missing, .* this state can be that of adam, adamw, nadam")
    check("settings=3: must be a mapping", settings=3)
    check("settings: 'learning_rate' is missing, a required argument of optax.adam", settings={"optimizer": "adam"})
    check(
        "settings: 'beta2' is not an argument of optax.adam, which has learning_rate, b1, b2",
        settings={**good, "beta2": 0.9},
    )
    check(
        "settings: optimizer='lamb' does not match the state; this state can be that of adam",
        settings={**good, "optimizer": "lamb"},
    )
    check("settings: learning_rate is a schedule, but the state has 0", settings={**good, "learning_rate": abs})
    check("names: only for torch.optim", settings=good, names={})
    check("optimizer: has not made a step", state=optax.adam(0.5).init(start()), settings=good)
    check("optimizer: is an Optax GradientTransformation, which has no state", state=optax.adam(0.5))
    check("optimizer: the state has an optax ScaleByLionState", state=optax.lion(0.5).init(start()), settings=good)
    twice = optax.chain(optax.scale_by_adam(), optax.scale_by_rms())
    check("several accumulators in one chain", state=twice.init(start()), settings=good)
    _, _, adadelta, _ = optax_run(optax.adadelta(0.5))
    check(
        "rates of Optax's adadelta .* with RateRecorder",
        state=adadelta,
        settings={"optimizer": "adadelta", "learning_rate": 0.5},
    )
    _, _, rms, _ = optax_run(optax.rmsprop(0.5))
    rms = optax.rmsprop(0.5).init(start())
    check("has not made a step with a gradient", state=rms, settings={**good, "optimizer": "rmsprop"})


# Keras, on torch


@pytest.fixture
def keras(torch, monkeypatch, tmp_path):
    # The first import reads both, and writes its settings into a home.
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return import_or_skip("keras")


def keras_array(variable):
    return double(variable.value.detach().numpy())


def keras_direction(kind, optimizer, index, grad, scale):
    step = np.float32(WARM_UP + 1)
    if kind == "SGD":
        if not optimizer.momentum:
            return grad
        velocity = -keras_array(optimizer.momentums[index]) / scale
        return grad + optimizer.momentum * velocity if optimizer.nesterov else velocity
    if kind in ("Adam", "AdamW", "Adamax"):
        mean = optimizer._m if kind == "Adamax" else optimizer._momentums
        return keras_array(mean[index]) / (1 - np.float32(0.9) ** step)
    if kind == "Nadam":
        now, following = (np.float32(0.9) * (1 - 0.5 * np.float32(0.96) ** each) for each in (step, step + 1))
        product = double(optimizer._u_product.value.detach())
        return grad * (1 - now) / (1 - product) + keras_array(optimizer._momentums[index]) * following / (
            1 - product * following
        )
    if kind == "RMSprop" and optimizer.momentum:
        squares = keras_array(optimizer._velocities[index])
        return keras_array(optimizer._momentums[index]) * np.sqrt(squares + optimizer.epsilon) / scale
    return grad


KERAS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.0, "epsilon": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "rho": 0.8, "epsilon": 0.1}),
    ("RMSprop", {"momentum": 0.9}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_2": 0.5, "epsilon": 0.1}),
    ("AdamW", {"weight_decay": 0.1}),
    ("Adamax", {}),
    ("Adamax", {"epsilon": 0.1}),
    ("Nadam", {}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.5, "epsilon": 0.1}),
]


def keras_variables(keras):
    return [keras.Variable(values, name=name) for name, values in start().items()]


def keras_run(keras, optimizer, variables, recorder=None):
    for grads in gradients():
        old = [each.value.detach().clone().numpy() for each in variables]
        if recorder:
            recorder.before_step()
        optimizer.apply([keras.ops.convert_to_tensor(grad) for grad in grads.values()], variables)
        if recorder:
            recorder.after_step()
    return old, list(grads.values())


@pytest.mark.parametrize(("kind", "options"), KERAS, ids=str)
def test_a_step_of_keras_is_the_rate_times_the_direction(keras, kind, options):
    scale = 100.0 if kind == "Adadelta" else 0.5
    optimizer, variables = getattr(keras.optimizers, kind)(scale, **options), keras_variables(keras)
    recorder = RateRecorder(optimizer, every=WARM_UP + 1, keep_last=True)
    with warnings.catch_warnings():
        # From the step of Nadam itself.
        warnings.filterwarnings("ignore", message="__array__ implementation doesn't accept a copy keyword")
        old, grads = keras_run(keras, optimizer, variables, recorder)
    assert list(recorder.last_rates) == [each.path for each in variables]
    decay = scale * options.get("weight_decay", 0.0)
    for index, (variable, rate) in enumerate(zip(variables, recorder.last_rates.values(), strict=True)):
        direction = keras_direction(kind, optimizer, index, double(grads[index]), scale)
        assert_step_equals_rate_times_direction(old[index], variable.value.detach().numpy(), rate, direction, decay)
        if kind == "SGD" and not options:
            assert (rate == 0.5).all()
        else:
            np.testing.assert_array_equal(np.isnan(rate), ~HAS_GRADIENT[variable.name])


@pytest.mark.parametrize("calls", [None, 2])
def test_a_schedule_of_keras_is_read_at_the_last_step(keras, calls):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=1, decay_rate=0.5)
    optimizer = keras.optimizers.SGD(schedule, gradient_accumulation_steps=calls)
    keras_run(keras, optimizer, keras_variables(keras))
    (rate, _) = effective_rates(optimizer).values()
    assert rate.flat[0] == pytest.approx(0.5 * 0.5 ** (6 if calls is None else 5), rel=1e-6)


def test_the_loss_scale_optimizer_of_keras_is_unwrapped_and_equal_names_are_numbered(keras):
    inner = keras.optimizers.Adam(0.5)
    optimizer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=1.0)
    variables = [keras.Variable(np.ones(2, np.float32), name="same") for _ in range(2)]
    optimizer.build(variables)
    optimizer.apply([keras.ops.ones(2)] * 2, variables)
    rates = effective_rates(optimizer)
    assert list(rates) == ["same", "same (2)"]
    np.testing.assert_allclose(rates["same"], 0.5 * (1 - 0.999) ** 0.5 / (0.001**0.5 + 1e-7), rtol=1e-4)


def test_a_missing_or_wrong_argument_of_keras_is_named_in_the_error(keras):
    with pytest.raises(ValueError, match="optimizer: has not made a step"):
        effective_rates(keras.optimizers.Adam(0.5))
    with pytest.raises(ValueError, match=r"optimizer: keras\..*Lion is not supported"):
        effective_rates(keras.optimizers.Lion(0.5))
    with pytest.raises(ValueError, match=r"names: only for torch\.optim"):
        effective_rates(keras.optimizers.Adam(0.5), names={})
    optimizer, variables = keras.optimizers.Adadelta(0.5), keras_variables(keras)
    keras_run(keras, optimizer, variables)
    with pytest.raises(ValueError, match=r"rates of Keras's Adadelta .* with RateRecorder"):
        effective_rates(optimizer)

    class Halved(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate / 2)

    with pytest.raises(ValueError, match=r"optimizer: .*Halved is not supported"):
        effective_rates(Halved(0.5))


def test_a_recorder_reads_a_keras_fit_by_a_callback(keras):
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    recorder = RateRecorder(model.optimizer, every=2)
    model.fit(
        np.ones((12, 3)),
        np.ones(12),
        batch_size=2,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_begin=lambda batch, logs: recorder.before_step(),
                on_train_batch_end=lambda batch, logs: recorder.after_step(),
            )
        ],
    )
    assert recorder.record.steps.tolist() == [2, 4, 6]
    assert len(recorder.record.rates) == 4


# Recording


def test_a_recorder_stores_quantiles_of_each_parameter_tensor(torch):
    params = torch_parameters(torch)
    optimizer = torch.optim.Adam(params.values(), lr=0.5)
    recorder = RateRecorder(optimizer, every=3, names=params, quantiles=(0.0, 0.5, 1.0), keep_last=True)
    with recorder:
        torch_run(torch, optimizer, params)
    torch_run(torch, optimizer, params)  # no longer recorded
    record = recorder.record
    assert record.steps.tolist() == [3, 6]
    assert record.quantiles.tolist() == [0, 0.5, 1]
    assert list(record.rates) == list(record.no_gradient) == list(params)
    for name, rate in recorder.last_rates.items():
        present = rate[~np.isnan(rate)]
        np.testing.assert_allclose(
            record.rates[name][-1], [present.min(), np.median(present), present.max()], rtol=1e-6
        )
        assert record.no_gradient[name].tolist() == [0.25, 0.25]
    assert optimizer._optimizer_step_pre_hooks == optimizer._optimizer_step_post_hooks == {}


def test_the_quantiles_of_a_large_tensor_are_those_of_a_sample(torch):
    param = torch.nn.Parameter(torch.zeros(300_000))
    optimizer = torch.optim.Adagrad([param], lr=1.0)
    with RateRecorder(optimizer, every=1, quantiles=(0.1, 0.5, 0.9)) as recorder:
        param.grad = torch.where(torch.arange(300_000) % 4 == 0, 0.0, 1 / torch.linspace(1e-3, 1, 300_000))
        optimizer.step()
    (quantiles,) = recorder.record.rates.values()
    # Of 20,000 coordinates: five standard errors are 0.01.
    np.testing.assert_allclose(quantiles[0], [0.1, 0.5, 0.9], atol=0.02)
    (share,) = recorder.record.no_gradient.values()
    assert share[0] == pytest.approx(0.25, abs=0.02)


def test_a_tensor_without_any_gradient_is_recorded_as_nan(torch):
    params = torch_parameters(torch)
    optimizer = torch.optim.Adam(params.values())
    params["table"].grad = torch.ones((6, 4))
    with RateRecorder(optimizer, every=1, names=params) as recorder:
        optimizer.step()
    assert np.isnan(recorder.record.rates["bias"]).all()
    assert recorder.record.no_gradient["bias"].tolist() == [1.0]


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", None])
def test_a_recorder_needs_a_positive_integer(bad):
    with pytest.raises(ValueError, match=r"every=.*: must be an integer of at least 1"):
        RateRecorder(every=bad)


@pytest.mark.parametrize("bad", [(), 0.5, (0.5, 0.5), (0.9, 0.1), (-0.1, 0.5), (0.5, 1.1), (np.nan,), "x", None])
def test_quantiles_are_increasing_and_from_0_to_1(bad):
    with pytest.raises(ValueError, match=r"quantiles=.*: must be increasing numbers from 0 to 1"):
        RateRecorder(quantiles=bad)


def test_a_recorder_without_an_optimizer_needs_a_state(torch):
    recorder = RateRecorder(every=1)
    with pytest.raises(ValueError, match=r"optimizer: only those of torch\.optim have hooks"), recorder:
        pass
    for call in (recorder.before_step, recorder.after_step):
        with pytest.raises(ValueError, match="state: give the state of the Optax optimizer"):
            call()
    with pytest.raises(ValueError, match=r"names: only for an optimizer of torch\.optim"):
        RateRecorder(names={})
    recorder = RateRecorder(torch.optim.Adam([one_parameter(torch)]), every=1)
    with pytest.raises(ValueError, match="state: only for Optax"):
        recorder.before_step(())
    with recorder, pytest.raises(ValueError, match="optimizer: is already recorded"):
        recorder.__enter__()


def test_a_recorder_checks_its_arguments_before_the_training(torch):
    with pytest.raises(ValueError, match="names: no name for group 0, parameter 0"):
        RateRecorder(torch.optim.Adam([one_parameter(torch)]), names={})
    with pytest.raises(ValueError, match="is not supported"):
        RateRecorder(torch.optim.LBFGS([one_parameter(torch)]))


def test_a_recorder_of_optax_takes_states_in_its_calls(optax):
    state = optax.adam(0.5).init(start())
    with pytest.raises(ValueError, match="give it to before_step and after_step"):
        RateRecorder(state, settings={"optimizer": "adam", "learning_rate": 0.5})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (SGD, r"optimizer: adaptive_optim\..*SGD is a class; give an instance of it"),
        (SGD(0.1), r"optimizer: adaptive_optim\..*SGD is not supported. Give an optimizer of torch.optim"),
        (lambda: 1.0, r"optimizer: builtins\.function is not supported"),
        (None, r"optimizer: builtins\.NoneType is not supported"),
        ({"lr": 0.1}, r"optimizer: builtins\.dict is not supported"),
    ],
    ids=["class", "adaptive_optim", "closure", "none", "dict"],
)
def test_other_objects_raise(bad, message):
    with pytest.raises(ValueError, match=message):
        effective_rates(bad)


def test_the_shares_of_a_histogram_add_up_to_all_coordinates_with_a_gradient():
    rates = {"a": np.geomspace(0.01, 1, 30).reshape(5, 6), "b": [0.5, np.nan, 0.5, 0.001], "c": [np.nan]}
    histogram = rate_histogram(rates, bins=7)
    np.testing.assert_allclose(histogram.edges, np.geomspace(0.001, 1, 8))
    assert {name: share.sum() for name, share in histogram.shares.items()} == pytest.approx(
        {"a": 1, "b": 0.75, "c": 0}
    )
    assert histogram.no_gradient == {"a": 0, "b": 0.25, "c": 1}
    assert rate_histogram({"sgd": np.full(3, 0.1)}, bins=1).shares["sgd"] == 1


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"a": [0.0]}, "rates: those of 'a' must be finite numbers above 0, or nan"),
        ({"a": [np.inf]}, "rates: those of 'a' must be finite"),
        ({"a": [np.nan]}, "rates: must contain at least one number"),
        ({}, "rates: must contain at least one number"),
    ],
)
def test_a_histogram_needs_rates_above_0(rates, message):
    with pytest.raises(ValueError, match=message):
        rate_histogram(rates)
