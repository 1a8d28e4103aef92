// The optimizers of adaptive_optim. They do the same operations in the same order, so the results agree bit by bit.
//
// An optimizer keeps its state. `step(grad)` sets `rate` and `direction` of both coordinates, which the update multiplies.

const zeros = () => new Float64Array(2);

/** Raises to an integer power by repeated squaring, as adaptive_optim does. `**` may round differently. */
function power(base, exponent) {
  let result = 1;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}

class SGD {
  rate = zeros();
  direction = zeros();

  constructor({ learning_rate }) {
    this.learning_rate = learning_rate;
  }

  step(grad) {
    for (let i = 0; i < 2; i++) {
      this.rate[i] = this.learning_rate;
      this.direction[i] = grad[i];
    }
  }
}

class Momentum {
  rate = zeros();
  direction = zeros();
  velocity = zeros();

  constructor({ learning_rate, beta }) {
    this.learning_rate = learning_rate;
    this.beta = beta;
  }

  step(grad) {
    for (let i = 0; i < 2; i++) {
      this.velocity[i] = this.beta * this.velocity[i] + grad[i];
      this.rate[i] = this.learning_rate;
      this.direction[i] = this.velocity[i];
    }
  }
}

class Adagrad {
  rate = zeros();
  direction = zeros();
  sum_of_squares = zeros();

  constructor({ learning_rate, eps }) {
    this.learning_rate = learning_rate;
    this.eps = eps;
  }

  step(grad) {
    for (let i = 0; i < 2; i++) {
      this.sum_of_squares[i] += grad[i] * grad[i];
      this.rate[i] = this.learning_rate / (Math.sqrt(this.sum_of_squares[i]) + this.eps);
      this.direction[i] = grad[i];
    }
  }
}

class RMSProp {
  rate = zeros();
  direction = zeros();
  mean_square = zeros();

  constructor({ learning_rate, rho, eps }) {
    this.learning_rate = learning_rate;
    this.rho = rho;
    this.eps = eps;
  }

  step(grad) {
    for (let i = 0; i < 2; i++) {
      this.mean_square[i] = this.rho * this.mean_square[i] + (1 - this.rho) * (grad[i] * grad[i]);
      this.rate[i] = this.learning_rate / (Math.sqrt(this.mean_square[i]) + this.eps);
      this.direction[i] = grad[i];
    }
  }
}

class Adam {
  rate = zeros();
  direction = zeros();
  t = 0;
  m = zeros();
  v = zeros();
  m_hat = zeros();
  v_hat = zeros();

  constructor({ learning_rate, beta1, beta2, eps, bias_correction }) {
    this.learning_rate = learning_rate;
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.eps = eps;
    this.bias_correction = bias_correction;
  }

  step(grad) {
    this.t++;
    const m_correction = this.bias_correction ? 1 - power(this.beta1, this.t) : 1;
    const v_correction = this.bias_correction ? 1 - power(this.beta2, this.t) : 1;
    for (let i = 0; i < 2; i++) {
      this.m[i] = this.beta1 * this.m[i] + (1 - this.beta1) * grad[i];
      this.v[i] = this.beta2 * this.v[i] + (1 - this.beta2) * (grad[i] * grad[i]);
      this.m_hat[i] = this.m[i] / m_correction;
      this.v_hat[i] = this.v[i] / v_correction;
      this.rate[i] = this.learning_rate / (Math.sqrt(this.v_hat[i]) + this.eps);
      this.direction[i] = this.m_hat[i];
    }
  }
}

/** The optimizers by name, in the order of the book's figures. */
export const OPTIMIZERS = { SGD, Momentum, Adagrad, RMSProp, Adam };

/** The hyperparameters of each optimizer besides the learning rate. */
export const HYPERPARAMETERS = {
  SGD: [],
  Momentum: ["beta"],
  Adagrad: ["eps"],
  RMSProp: ["rho", "eps"],
  Adam: ["beta1", "beta2", "eps", "bias_correction"],
};
