// The rows of the table "The step in numbers": one step of one optimizer, with its numbers in the update rule.
import { learningRate } from "./settings.js";
import { makeOptimizer } from "./simulation.js";
import { formatNumber, missingRateReason, superscript } from "./text.js";

const format = (value) => formatNumber(value, 5);
/** Formats a factor or summand: a negative number in parentheses. */
const formatOperand = (value) => (value < 0 ? `(${format(value)})` : format(value));
const formatAverage = (decay, before, added, after) => `${decay} × ${formatOperand(before)} + ${format(1 - decay)} × ${added} = ${format(after)}`;

/**
 * The rows between gradient and rate: each has a name, a rule, and a function that writes the numbers of coordinate `i`.
 * `before` and `after` are the optimizer before and after the step.
 */
const STATE_ROWS = {
  SGD: () => [],
  Momentum: ({ before, after, grad, state: { beta } }) => [
    ["velocity", "u ← β u + g", (i) => `${beta} × ${formatOperand(before.velocity[i])} + ${formatOperand(grad[i])} = ${format(after.velocity[i])}`],
  ],
  Adagrad: ({ before, after, grad }) => [
    ["sum of squares", "G ← G + g²", (i) => `${format(before.sum_of_squares[i])} + ${formatOperand(grad[i])}² = ${format(after.sum_of_squares[i])}`],
  ],
  RMSProp: ({ before, after, grad, state: { rho } }) => [
    ["mean square", "S ← ρ S + (1 − ρ) g²", (i) => formatAverage(rho, before.mean_square[i], `${formatOperand(grad[i])}²`, after.mean_square[i])],
  ],
  Adam({ before, after, grad, state: { beta1, beta2, bias_correction }, step }) {
    const formatCorrection = (value, beta, corrected) =>
      bias_correction ? `${format(value)} / (1 − ${beta}${superscript(step)}) = ${format(corrected)}` : `${format(corrected)}, not corrected`;
    return [
      ["mean", "m ← β₁ m + (1 − β₁) g", (i) => formatAverage(beta1, before.m[i], formatOperand(grad[i]), after.m[i])],
      ["mean square", "v ← β₂ v + (1 − β₂) g²", (i) => formatAverage(beta2, before.v[i], `${formatOperand(grad[i])}²`, after.v[i])],
      ["corrected mean", bias_correction ? "m̂ = m / (1 − β₁ᵗ)" : "m̂ = m", (i) => formatCorrection(after.m[i], beta1, after.m_hat[i])],
      ["corrected square", bias_correction ? "v̂ = v / (1 − β₂ᵗ)" : "v̂ = v", (i) => formatCorrection(after.v[i], beta2, after.v_hat[i])],
    ];
  },
};

/** The quantity under the root in the rate: its symbol and its field. */
const SECOND_MOMENT = { Adagrad: ["G", "sum_of_squares"], RMSProp: ["S", "mean_square"], Adam: ["v̂", "v_hat"] };
const DIRECTION = { SGD: "g", Momentum: "u", Adagrad: "g", RMSProp: "g", Adam: "m̂" };

/** Repeats a run up to a step. Returns the optimizer before and after that step, and the gradient. */
function replay(state, problem, { name, params }, step) {
  const optimizer = makeOptimizer(state, name);
  const grad = new Float64Array(2);
  let before;
  for (let i = 0; i < step; i++) {
    if (i === step - 1) before = structuredClone({ ...optimizer });
    problem.gradient(params[0][i], params[1][i], i, grad);
    optimizer.step(grad);
  }
  return { before, after: optimizer, grad };
}

function formatRate(state, name, optimizer, i) {
  if (!(name in SECOND_MOMENT)) return format(optimizer.rate[i]);
  const moment = optimizer[SECOND_MOMENT[name][1]][i];
  return `${format(learningRate(state, name))} / (√${format(moment)} + ${format(state.eps)}) = ${format(optimizer.rate[i])}`;
}

/**
 * Returns the rows: name, rule, and the numbers of both coordinates.
 * @returns {[string, string, string, string][]}
 */
export function stepTable(state, problem, run, step) {
  const { before, after, grad } = replay(state, problem, run, step);
  const direction = DIRECTION[run.name];
  const change = (i) => -after.rate[i] * after.direction[i];
  const reasons = [0, 1].map((i) => missingRateReason(run, i, step));
  const rows = [
    ["gradient", "g", (i) => format(grad[i])],
    ...STATE_ROWS[run.name]({ before, after, grad, state, step }),
    ["rate", run.name in SECOND_MOMENT ? `η / (√${SECOND_MOMENT[run.name][0]} + ε)` : "η", (i) => reasons[i] || formatRate(state, run.name, after, i)],
    ["direction", direction, (i) => format(after.direction[i])],
    [
      "change",
      `− rate × ${direction}`,
      (i) => (reasons[i] ? `0, ${reasons[i]}` : `− ${format(after.rate[i])} × ${formatOperand(after.direction[i])} = ${format(change(i))}`),
    ],
    ["weight", "θ ← θ + change", (i) => `${format(run.params[i][step - 1])} + ${formatOperand(change(i))} = ${format(run.params[i][step])}`],
  ];
  return rows.map(([name, rule, numbers]) => [name, rule, numbers(0), numbers(1)]);
}
