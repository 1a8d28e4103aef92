// Runs an optimizer and records what it did, as adaptive_optim.minimize does.

const pair = (length) => [new Float64Array(length), new Float64Array(length)];

/** Room for a run of so many steps. */
export const roomFor = (numSteps) => ({ params: pair(numSteps + 1), rates: pair(numSteps), divergedAt: -1 });

/**
 * What `minimize` recorded, coordinate by coordinate.
 * @typedef {object} Descent
 * @property {[Float64Array, Float64Array]} params before the first step and after each one
 * @property {[Float64Array, Float64Array]} rates NaN as long as a coordinate has had no gradient, and once diverged
 * @property {number} divergedAt the step that left the finite numbers, or -1
 */

/**
 * Takes steps along a problem's gradients, as many as `run` has room for: the one place where parameters change.
 * @param {Descent} run is overwritten
 */
export function minimize(optimizer, problem, start, run) {
  const numSteps = run.rates[0].length;
  run.divergedAt = -1;
  const [as, bs] = run.params;
  const [ratesA, ratesB] = run.rates;
  const { rate, direction } = optimizer;
  const grad = new Float64Array(2);
  let seenA = false;
  let seenB = false;
  let [a, b] = start;
  as[0] = a;
  bs[0] = b;
  for (let step = 0; step < numSteps; step++) {
    problem.gradient(a, b, step, grad);
    optimizer.step(grad);
    a -= rate[0] * direction[0];
    b -= rate[1] * direction[1];
    // Squares are what a loss needs; a rate of 0 is one that overflowed.
    if (!(Number.isFinite(a * a) && Number.isFinite(b * b) && rate[0] > 0 && rate[1] > 0)) {
      run.divergedAt = step;
      for (const values of run.params) values.fill(NaN, step + 1);
      for (const values of run.rates) values.fill(NaN, step);
      break;
    }
    as[step + 1] = a;
    bs[step + 1] = b;
    seenA ||= grad[0] !== 0;
    seenB ||= grad[1] !== 0;
    ratesA[step] = seenA ? rate[0] : NaN;
    ratesB[step] = seenB ? rate[1] : NaN;
  }
}
