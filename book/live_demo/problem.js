// The problem of adaptive_optim.SparseRegression: two weights, one of which is rarely asked for.

/**
 * All random numbers of one seed.
 * @typedef {{ dense: Float64Array, noise: Float64Array, sign: Int8Array, rank: number[], orders: [number, number][] }} Draws
 */

/** Reads what Python wrote for one seed. */
export function readDraws({ dense, noise, sign, rank, orders }) {
  const numbers = (text) => new Float64Array(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)).buffer);
  const signs = Int8Array.from(sign, (letter) => (letter === "+" ? 1 : -1));
  return { dense: numbers(dense), noise: numbers(noise), sign: signs, rank, orders };
}

/**
 * Which samples there are in the batches, each batch in the samples' own order, and which batch each step takes.
 * @param {Draws} draws
 * @returns {{ batchSize: number, samples: Int32Array, batchOf: Int32Array }}
 */
export function batches({ dense, orders }, batchSize, numSteps) {
  const count = dense.length;
  const everything = Int32Array.from(dense.keys());
  // The batch of all samples is the same at every step.
  if (batchSize === count) return { batchSize, samples: everything, batchOf: new Int32Array(numSteps) };
  const visits = new Int32Array(numSteps * batchSize);
  for (let visit = 0; visit < visits.length; visit++) {
    const [stride, offset] = orders[Math.floor(visit / count)];
    visits[visit] = ((visit % count) * stride + offset) % count;
  }
  // With one sample in a batch there are no more batches than samples, however many steps.
  if (batchSize === 1) return { batchSize, samples: everything, batchOf: visits };
  for (let from = 0; from < visits.length; from += batchSize) visits.subarray(from, from + batchSize).sort();
  return { batchSize, samples: visits, batchOf: Int32Array.from({ length: numSteps }, (_, step) => step) };
}

/** A linear regression with one dense and one sparse feature. */
export class SparseRegression {
  /**
   * @param {Draws} draws
   * @param {{ activity: number, noise: number }} settings activity as a fraction
   * @param {ReturnType<typeof batches>} order
   */
  constructor(draws, { activity, noise }, { batchSize, samples, batchOf }) {
    const count = draws.dense.length;
    Object.assign(this, { batchSize, samples, batchOf });
    this.x1 = draws.dense;
    this.x2 = new Float64Array(count);
    this.y = new Float64Array(count);
    const numActive = Math.round(activity * count);
    let [h11, h12, h22, s1, s2] = [0, 0, 0, 0, 0];
    for (let i = 0; i < count; i++) {
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
    const det = h11 * h22 - h12 * h12;
    this.minimum = [(h22 * s1 - h12 * s2) / det, (h11 * s2 - h12 * s1) / det];
    this.hessian = [h11 / count, h12 / count, h22 / count];
    this.#prepare();
  }

  /** The gradient of a batch is linear in the parameters: its five numbers are all that a step needs. */
  #prepare() {
    const { samples, batchSize, x1, x2, y } = this;
    const count = samples.length / batchSize;
    this.terms = new Float64Array(5 * count);
    for (let batch = 0; batch < count; batch++) {
      let [h11, h12, h22, s1, s2] = [0, 0, 0, 0, 0];
      for (let visit = batch * batchSize; visit < (batch + 1) * batchSize; visit++) {
        const i = samples[visit];
        h11 += x1[i] * x1[i];
        h12 += x1[i] * x2[i];
        h22 += x2[i] * x2[i];
        s1 += x1[i] * y[i];
        s2 += x2[i] * y[i];
      }
      const at = 5 * batch;
      this.terms[at] = h11 / batchSize;
      this.terms[at + 1] = h12 / batchSize;
      this.terms[at + 2] = h22 / batchSize;
      this.terms[at + 3] = s1 / batchSize;
      this.terms[at + 4] = s2 / batchSize;
    }
  }

  /** Writes the gradient on the batch of a step into `grad`. */
  gradient(a, b, step, grad) {
    const { terms } = this;
    const at = 5 * this.batchOf[step];
    grad[0] = terms[at] * a + terms[at + 1] * b - terms[at + 3];
    grad[1] = terms[at + 1] * a + terms[at + 2] * b - terms[at + 4];
  }

  /** Writes into `losses` how far the full loss lies above its minimum at each of the points. */
  excessLosses([as, bs], losses) {
    const [h11, h12, h22] = this.hessian;
    const [a, b] = this.minimum;
    for (let i = 0; i < losses.length; i++) {
      const x = as[i] - a;
      const y = bs[i] - b;
      losses[i] = (h11 * x * x + 2 * h12 * x * y + h22 * y * y) / 2;
    }
  }

  /** The samples in the batch of a step. */
  batch(step) {
    const at = this.batchOf[step] * this.batchSize;
    return this.samples.subarray(at, at + this.batchSize);
  }

  /** Whether the sparse feature is in the batch of a step; if not, its weight gets no gradient. */
  isActive(step) {
    return this.terms[5 * this.batchOf[step] + 2] > 0;
  }

  /** The level lines' common shape: half-axes for a loss of 1/2 above the minimum, and how far the first is turned. */
  ellipse() {
    const [h11, h12, h22] = this.hessian;
    const mean = (h11 + h22) / 2;
    const apart = Math.hypot((h11 - h22) / 2, h12);
    const angle = Math.atan2(2 * h12, h11 - h22) / 2;
    return { half: [1 / Math.sqrt(mean + apart), 1 / Math.sqrt(mean - apart)], degrees: (angle * 180) / Math.PI };
  }
}
