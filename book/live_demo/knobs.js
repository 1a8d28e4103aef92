// Everything that can be set: the demo's state is one value for each knob.
import { OPTIMIZERS } from "./optimizers.js";

/** Every whole number from one to another, or every so many. */
const range = (from, to, by = 1) => Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, i) => from + i * by);

/** R20, the preferred numbers: twenty to a decade, evenly spaced on a log axis. */
const R20 = [1, 1.12, 1.25, 1.4, 1.6, 1.8, 2, 2.24, 2.5, 2.8, 3.15, 3.55, 4, 4.5, 5, 5.6, 6.3, 7.1, 8, 9];

const RATES = [...range(-4, 0).flatMap((decade) => R20.map((part) => Number(`${part}e${decade}`))), 10];
const DECAYS = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999];
const NAMES = Object.keys(OPTIMIZERS);

// Knobs that are a `view` change what is seen of the runs, not the runs.

/** A number; a slider goes through `values`, a link may have any between them. */
const number = (label, start, values, rest = {}) => ({ kind: "number", label, start, values, ...rest });
const choice = (label, start, choices, rest = {}) => ({ kind: "choice", label, start, choices, ...rest });
const flag = (label, start, rest = {}) => ({ kind: "flag", label, start, ...rest });
const rate = (name, start) => [name, number(`Learning rate η of ${name}`, start, RATES)];

/** The knobs by the name that they have in a link. Those of optimizers and problem are called as in Python. */
export const KNOBS = {
  activity: number("Activity of the sparse feature", 100, range(1, 100), { unit: "%", whole: true }),
  step: number("Step", 400, range(0, 2000), { whole: true, view: true }),
  num_steps: number("Number of steps", 400, range(50, 2000, 50), { whole: true }),
  shown: { kind: "names", label: "Optimizers", start: NAMES, choices: NAMES },
  ...Object.fromEntries([rate("SGD", 0.05), rate("Momentum", 0.005), rate("Adagrad", 0.4), rate("RMSProp", 0.02), rate("Adam", 0.05)]),
  one_rate: flag("One learning rate for all", false),
  learning_rate: number("Learning rate η of all", 0.05, RATES),
  beta: number("β of Momentum", 0.9, DECAYS),
  rho: number("ρ of RMSProp", 0.99, DECAYS),
  beta1: number("β₁ of Adam", 0.9, DECAYS),
  beta2: number("β₂ of Adam", 0.999, DECAYS),
  bias_correction: flag("Bias correction of Adam", true),
  eps: number("ε of Adagrad, RMSProp and Adam", 1e-8, range(-10, 0).map((decade) => Number(`1e${decade}`))),
  batch_size: choice("Batch size", 1, [1, 4, 16, 400]),
  noise: number("Noise", 0.3, range(0, 20).map((part) => part / 20)),
  seed: choice("Data seed", 0, range(0, 3)),
  theta1: number("Start θ₁, dense weight", -1, range(-155, 245).map((part) => part / 100)),
  theta2: number("Start θ₂, sparse weight", -1, range(-155, 245).map((part) => part / 100)),
  chosen: choice("Optimizer", "Adagrad", NAMES, { view: true }),
  speed: choice("Steps per second", 50, [5, 20, 50, 200], { view: true }),
  numbers: flag("The step in numbers", false, { view: true }),
  history: flag("Rates at every step", false, { view: true }),
  table: flag("Show the numbers", false, { view: true }),
};

/** How everything is set at first. */
export const START = Object.freeze(Object.fromEntries(Object.entries(KNOBS).map(([name, { start }]) => [name, start])));

/** Which of a knob's values is nearest, for its slider. */
export function nearest({ values }, value) {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if (Math.abs(values[i] - value) < Math.abs(values[best] - value)) best = i;
  }
  return best;
}

/** The learning rate of an optimizer. */
export const learningRate = (state, name) => (state.one_rate ? state.learning_rate : state[name]);

/** The step that is seen: the wanted one, or the last. */
export const seenStep = (state) => Math.min(state.step, state.num_steps);
