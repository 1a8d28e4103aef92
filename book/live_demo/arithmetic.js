// One step of one optimizer, with its numbers in the update rule.
import { learningRate } from "./knobs.js";
import { makeOptimizer } from "./runs.js";
import { short, superscript, whyNoRate } from "./words.js";

const DIGITS = 5;
const number = (value) => short(value, DIGITS);
/** A number as a factor or summand: negative ones in brackets. */
const part = (value) => (value < 0 ? `(${number(value)})` : number(value));

/** The lines of each optimizer between gradient and rate: its averages and sums, before (`was`) and after (`is`). */
const MEMORY = {
  SGD: () => [],
  Momentum: ({ was, is, grad, state: { beta } }) => [
    ["velocity", "u ← β u + g", (i) => `${beta} × ${part(was.velocity[i])} + ${part(grad[i])} = ${number(is.velocity[i])}`],
  ],
  Adagrad: ({ was, is, grad }) => [
    ["sum of squares", "G ← G + g²", (i) => `${number(was.sum_of_squares[i])} + ${part(grad[i])}² = ${number(is.sum_of_squares[i])}`],
  ],
  RMSProp: ({ was, is, grad, state: { rho } }) => [
    ["mean square", "S ← ρ S + (1 − ρ) g²", (i) => average(rho, was.mean_square[i], `${part(grad[i])}²`, is.mean_square[i])],
  ],
  Adam({ was, is, grad, state: { beta1, beta2, bias_correction }, step }) {
    const corrected = (value, beta, hat) =>
      bias_correction ? `${number(value)} / (1 − ${beta}${superscript(step)}) = ${number(hat)}` : `${number(hat)}, not corrected`;
    return [
      ["mean", "m ← β₁ m + (1 − β₁) g", (i) => average(beta1, was.m[i], part(grad[i]), is.m[i])],
      ["mean square", "v ← β₂ v + (1 − β₂) g²", (i) => average(beta2, was.v[i], `${part(grad[i])}²`, is.v[i])],
      ["corrected mean", bias_correction ? "m̂ = m / (1 − β₁ᵗ)" : "m̂ = m", (i) => corrected(is.m[i], beta1, is.m_hat[i])],
      ["corrected square", bias_correction ? "v̂ = v / (1 − β₂ᵗ)" : "v̂ = v", (i) => corrected(is.v[i], beta2, is.v_hat[i])],
    ];
  },
};

/** What each optimizer takes the root of for its rate, and what its rate multiplies. */
const ROOT = { Adagrad: ["G", "sum_of_squares"], RMSProp: ["S", "mean_square"], Adam: ["v̂", "v_hat"] };
const DIRECTION = { SGD: "g", Momentum: "u", Adagrad: "g", RMSProp: "g", Adam: "m̂" };

const average = (decay, was, added, is) => `${decay} × ${part(was)} + ${number(1 - decay)} × ${added} = ${number(is)}`;

/** The optimizer before and after a step of its run. */
function around(state, problem, { name, params }, step) {
  const optimizer = makeOptimizer(state, name);
  const grad = new Float64Array(2);
  let was;
  for (let i = 0; i < step; i++) {
    if (i === step - 1) was = structuredClone({ ...optimizer });
    problem.gradient(params[0][i], params[1][i], i, grad);
    optimizer.step(grad);
  }
  return { was, is: optimizer, grad };
}

/**
 * The lines of a step: name, rule, and the numbers of both coordinates.
 * @returns {[string, string, string, string][]}
 */
export function arithmetic(state, problem, run, step) {
  const { was, is, grad } = around(state, problem, run, step);
  const eta = learningRate(state, run.name);
  const root = ROOT[run.name];
  const letter = DIRECTION[run.name];
  const before = (i) => run.params[i][step - 1];
  const after = (i) => run.params[i][step];
  const lines = [
    ["gradient", "g", (i) => number(grad[i])],
    ...MEMORY[run.name]({ was, is, grad, state, step }),
    root
      ? ["rate", `η / (√${root[0]} + ε)`, (i) => `${number(eta)} / (√${number(is[root[1]][i])} + ${number(state.eps)}) = ${number(is.rate[i])}`]
      : ["rate", "η", (i) => number(is.rate[i])],
    ["direction", letter, (i) => number(is.direction[i])],
    ["change", `− rate × ${letter}`, (i) => `− ${number(is.rate[i])} × ${part(is.direction[i])} = ${number(-is.rate[i] * is.direction[i])}`],
    ["weight", "θ ← θ + change", (i) => `${number(before(i))} + ${part(-is.rate[i] * is.direction[i])} = ${number(after(i))}`],
  ];
  // A rate of a weight that has had no gradient means nothing, here as in the bars.
  const said = (name, numbers, i) => {
    const why = whyNoRate(run, i, step);
    return why && name === "rate" ? why : why && name === "change" ? `0, ${why}` : numbers(i);
  };
  return lines.map(([name, rule, numbers]) => [name, rule, said(name, numbers, 0), said(name, numbers, 1)]);
}
