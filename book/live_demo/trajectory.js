// Runs an optimizer and records its trajectory, as adaptive_optim.minimize does.

const pair = (length) => [new Float64Array(length), new Float64Array(length)];

/**
 * What `minimize` records, one array per coordinate.
 * @typedef {object} Trajectory
 * @property {[Float64Array, Float64Array]} params before the first step and after each step
 * @property {[Float64Array, Float64Array]} rates NaN before the coordinate's first nonzero gradient and after divergence
 * @property {number} divergedAt index of the first step with a result that is not finite, or -1
 */

/** @returns {Trajectory} */
export const allocateTrajectory = (numSteps) => ({ params: pair(numSteps + 1), rates: pair(numSteps), divergedAt: -1 });

/**
 * Takes as many steps as `trajectory` can hold. Only this function changes parameters.
 * @param {Trajectory} trajectory is overwritten
 */
export function minimize(optimizer, problem, start, trajectory) {
  const [theta1s, theta2s] = trajectory.params;
  const [rates1, rates2] = trajectory.rates;
  const { rate, direction } = optimizer;
  const grad = new Float64Array(2);
  let hasGradient1 = false;
  let hasGradient2 = false;
  let [theta1, theta2] = start;
  trajectory.divergedAt = -1;
  theta1s[0] = theta1;
  theta2s[0] = theta2;
  for (let step = 0; step < rates1.length; step++) {
    problem.gradient(theta1, theta2, step, grad);
    optimizer.step(grad);
    theta1 -= rate[0] * direction[0];
    theta2 -= rate[1] * direction[1];
    // The loss squares the parameters. A rate of 0 means that its denominator overflowed.
    if (!(Number.isFinite(theta1 * theta1) && Number.isFinite(theta2 * theta2) && rate[0] > 0 && rate[1] > 0)) {
      trajectory.divergedAt = step;
      for (const values of trajectory.params) values.fill(NaN, step + 1);
      for (const values of trajectory.rates) values.fill(NaN, step);
      break;
    }
    theta1s[step + 1] = theta1;
    theta2s[step + 1] = theta2;
    hasGradient1 ||= grad[0] !== 0;
    hasGradient2 ||= grad[1] !== 0;
    rates1[step] = hasGradient1 ? rate[0] : NaN;
    rates2[step] = hasGradient2 ? rate[1] : NaN;
  }
}
