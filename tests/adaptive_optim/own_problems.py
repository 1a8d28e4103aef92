"""Problems of a user, in a module that worker processes can import."""

import numpy as np


class Rosenbrock:
    """Rosenbrock's function of two or more parameters, elementwise, so that a batch equals single runs."""

    def loss(self, params):
        x, y = params[..., :-1], params[..., 1:]
        terms = (1 - x) ** 2 + 100 * (y - x**2) ** 2
        return sum(terms[..., i] for i in range(terms.shape[-1]))

    def gradient(self, params, step):
        x, y = params[..., :-1], params[..., 1:]
        grad = np.zeros_like(params)
        grad[..., :-1] += 2 * (x - 1) - 400 * x * (y - x**2)
        grad[..., 1:] += 200 * (y - x**2)
        return grad


class RosenbrockWithMinimum(Rosenbrock):
    minimum = np.ones(3)


class LogisticRegression:
    """Logistic regression with 20 weights, whose gradients have very different sizes.

    Sums instead of matrix products, which may round differently for one run and for many.
    """

    def __init__(self):
        rng = np.random.default_rng(0)
        self.features = rng.normal(size=(500, 20)) * np.logspace(-1, 1, 20)
        self.targets = (self.features @ (rng.normal(size=20) / np.logspace(-1, 1, 20)) > 0).astype(float)

    def loss(self, params):
        logits = (params[..., None, :] * self.features).sum(axis=-1)
        return np.mean(np.logaddexp(0, logits) - self.targets * logits, axis=-1)

    def gradient(self, params, step):
        batch = np.arange(10 * step, 10 * step + 10) % 500
        features = self.features[batch]
        errors = 1 / (1 + np.exp(-(params[..., None, :] * features).sum(axis=-1))) - self.targets[batch]
        return (errors[..., None] * features).sum(axis=-2) / 10
