// The problem of adaptive_optim.SparseRegression: a linear regression with one dense and one sparse feature.

/**
 * The random numbers of one seed.
 * @typedef {{ dense: Float64Array, noise: Float64Array, sign: Int8Array, rank: number[], orders: [number, number][] }} Draws
 */

/**
 * Decodes the random numbers that book/_ext/live_demo.py writes for one seed.
 * @returns {Draws}
 */
export function decodeDraws({ dense, noise, sign, rank, orders }) {
  const decode = (text) => new Float64Array(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
  const signs = Int8Array.from(sign, (character) => (character === "+" ? 1 : -1));
  return { dense: decode(dense), noise: decode(noise), sign: signs, rank, orders };
}

/**
 * The batches of a run. `samples` holds the indices of one batch after the other, sorted within each batch.
 * @typedef {{ batchSize: number, samples: Int32Array, batchOfStep: Int32Array }} Batches
 */

/**
 * @param {Draws} draws
 * @returns {Batches}
 */
export function makeBatches({ dense, orders }, batchSize, numSteps) {
  const numSamples = dense.length;
  const allSamples = Int32Array.from(dense.keys());
  if (batchSize === numSamples) return { batchSize, samples: allSamples, batchOfStep: new Int32Array(numSteps) };
  const samples = new Int32Array(numSteps * batchSize);
  for (let i = 0; i < samples.length; i++) {
    const [stride, offset] = orders[Math.floor(i / numSamples)];
    samples[i] = ((i % numSamples) * stride + offset) % numSamples;
  }
  // With a batch size of 1, every sample is one batch, which all epochs share.
  if (batchSize === 1) return { batchSize, samples: allSamples, batchOfStep: samples };
  for (let first = 0; first < samples.length; first += batchSize) samples.subarray(first, first + batchSize).sort();
  return { batchSize, samples, batchOfStep: Int32Array.from({ length: numSteps }, (_, step) => step) };
}

export class SparseRegression {
  /**
   * @param {Draws} draws
   * @param {{ activity: number, noise: number }} settings activity as a fraction
   * @param {Batches} batches
   */
  constructor(draws, { activity, noise }, { batchSize, samples, batchOfStep }) {
    const numSamples = draws.dense.length;
    Object.assign(this, { batchSize, samples, batchOfStep });
    this.x1 = draws.dense;
    this.x2 = new Float64Array(numSamples);
    this.y = new Float64Array(numSamples);
    const numActive = Math.round(activity * numSamples);
    let [h11, h12, h22, s1, s2] = [0, 0, 0, 0, 0];
    for (let i = 0; i < numSamples; i++) {
      const x1 = this.x1[i];
      const x2 = draws.rank[i] < numActive ? draws.sign[i] : 0;
      const y = x1 + x2 + noise * draws.noise[i];
      this.x2[i] = x2;
      this.y[i] = y;
      h11 += x1 * x1;
      h12 += x1 * x2;
      h22 += x2 * x2;
      s1 += x1 * y;
      s2 += x2 * y;
    }
    const determinant = h11 * h22 - h12 * h12;
    this.minimum = [(h22 * s1 - h12 * s2) / determinant, (h11 * s2 - h12 * s1) / determinant];
    this.hessian = [h11 / numSamples, h12 / numSamples, h22 / numSamples];
    this.#computeCoefficients();
  }

  /** The gradient on a batch is linear in the parameters. Five coefficients per batch make each step cheap. */
  #computeCoefficients() {
    const { samples, batchSize, x1, x2, y } = this;
    const numBatches = samples.length / batchSize;
    this.coefficients = new Float64Array(5 * numBatches);
    for (let batch = 0; batch < numBatches; batch++) {
      let [h11, h12, h22, s1, s2] = [0, 0, 0, 0, 0];
      for (let position = batch * batchSize; position < (batch + 1) * batchSize; position++) {
        const i = samples[position];
        h11 += x1[i] * x1[i];
        h12 += x1[i] * x2[i];
        h22 += x2[i] * x2[i];
        s1 += x1[i] * y[i];
        s2 += x2[i] * y[i];
      }
      this.coefficients.set([h11 / batchSize, h12 / batchSize, h22 / batchSize, s1 / batchSize, s2 / batchSize], 5 * batch);
    }
  }

  /** Writes the gradient on the batch of a step into `grad`. */
  gradient(theta1, theta2, step, grad) {
    const { coefficients } = this;
    const first = 5 * this.batchOfStep[step];
    grad[0] = coefficients[first] * theta1 + coefficients[first + 1] * theta2 - coefficients[first + 3];
    grad[1] = coefficients[first + 1] * theta1 + coefficients[first + 2] * theta2 - coefficients[first + 4];
  }

  /** Writes the full loss minus its minimum at each point into `losses`. */
  excessLosses([theta1s, theta2s], losses) {
    const [h11, h12, h22] = this.hessian;
    const [minimum1, minimum2] = this.minimum;
    for (let i = 0; i < losses.length; i++) {
      const d1 = theta1s[i] - minimum1;
      const d2 = theta2s[i] - minimum2;
      losses[i] = (h11 * d1 * d1 + 2 * h12 * d1 * d2 + h22 * d2 * d2) / 2;
    }
  }

  /** Returns the indices of the samples in the batch of a step. */
  batch(step) {
    const first = this.batchOfStep[step] * this.batchSize;
    return this.samples.subarray(first, first + this.batchSize);
  }

  /** Tells whether the sparse feature is nonzero in the batch of a step. If not, its weight has no gradient. */
  isActive(step) {
    return this.coefficients[5 * this.batchOfStep[step] + 2] > 0;
  }

  /** Returns the contour at an excess loss of 1/2: the half-axes, and the angle of the first one. All contours have this shape. */
  ellipse() {
    const [h11, h12, h22] = this.hessian;
    const mean = (h11 + h22) / 2;
    const radius = Math.hypot((h11 - h22) / 2, h12); // The eigenvalues of the Hessian are mean ± radius.
    const angle = Math.atan2(2 * h12, h11 - h22) / 2;
    return { halfAxes: [1 / Math.sqrt(mean + radius), 1 / Math.sqrt(mean - radius)], degrees: (angle * 180) / Math.PI };
  }
}
