// All settings of the demo. The state of the demo has one value for each.
import { OPTIMIZERS } from "./optimizers.js";

const range = (first, last, step = 1) => Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);

/** The R20 series of preferred numbers: 20 per decade, evenly spaced on a log axis. */
const R20 = [1, 1.12, 1.25, 1.4, 1.6, 1.8, 2, 2.24, 2.5, 2.8, 3.15, 3.55, 4, 4.5, 5, 5.6, 6.3, 7.1, 8, 9];

const LEARNING_RATES = [...range(-4, 0).flatMap((exponent) => R20.map((factor) => Number(`${factor}e${exponent}`))), 10];
const DECAYS = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999];
const START_COORDINATES = range(-155, 245).map((hundredths) => hundredths / 100);
const NAMES = Object.keys(OPTIMIZERS);

/** `values` are the positions of the slider. A link may contain any number between the first and the last. */
const number = (label, initial, values, options = {}) => ({ type: "number", label, initial, values, ...options });
const choice = (label, initial, choices, options = {}) => ({ type: "choice", label, initial, choices, ...options });
const boolean = (label, initial, options = {}) => ({ type: "boolean", label, initial, ...options });
const learningRateOf = (name, initial) => [name, number(`Learning rate η of ${name}`, initial, LEARNING_RATES)];

/**
 * The settings by their names in a link. Settings of optimizers and of the problem have the names of the Python package.
 * A setting with `viewOnly` does not change the runs.
 */
export const SETTINGS = {
  activity: number("Activity of the sparse feature", 100, range(1, 100), { unit: "%", integer: true }),
  step: number("Step", 400, range(0, 2000), { integer: true, viewOnly: true }),
  num_steps: number("Number of steps", 400, range(50, 2000, 50), { integer: true }),
  shown: { type: "subset", label: "Optimizers", initial: NAMES, choices: NAMES },
  ...Object.fromEntries([
    learningRateOf("SGD", 0.05),
    learningRateOf("Momentum", 0.005),
    learningRateOf("Adagrad", 0.4),
    learningRateOf("RMSProp", 0.02),
    learningRateOf("Adam", 0.05),
  ]),
  one_rate: boolean("One learning rate for all", false),
  learning_rate: number("Learning rate η of all", 0.05, LEARNING_RATES),
  beta: number("β of Momentum", 0.9, DECAYS),
  rho: number("ρ of RMSProp", 0.99, DECAYS),
  beta1: number("β₁ of Adam", 0.9, DECAYS),
  beta2: number("β₂ of Adam", 0.999, DECAYS),
  bias_correction: boolean("Bias correction of Adam", true),
  eps: number("ε of Adagrad, RMSProp and Adam", 1e-8, range(-10, 0).map((exponent) => Number(`1e${exponent}`))),
  batch_size: choice("Batch size", 1, [1, 4, 16, 400]),
  noise: number("Noise", 0.3, range(0, 20).map((twentieths) => twentieths / 20)),
  seed: choice("Data seed", 0, range(0, 3)),
  theta1: number("Start θ₁, dense weight", -1, START_COORDINATES),
  theta2: number("Start θ₂, sparse weight", -1, START_COORDINATES),
  chosen: choice("Optimizer", "Adagrad", NAMES, { viewOnly: true }),
  speed: choice("Steps per second", 50, [5, 20, 50, 200], { viewOnly: true }),
  numbers: boolean("The step in numbers", false, { viewOnly: true }),
  history: boolean("Rates at every step", false, { viewOnly: true }),
  table: boolean("Show the numbers", false, { viewOnly: true }),
};

export const INITIAL_STATE = Object.freeze(Object.fromEntries(Object.entries(SETTINGS).map(([name, { initial }]) => [name, initial])));

/** Returns the index of the slider position that is nearest to a value. */
export function nearestIndex({ values }, value) {
  let nearest = 0;
  for (let i = 1; i < values.length; i++) {
    if (Math.abs(values[i] - value) < Math.abs(values[nearest] - value)) nearest = i;
  }
  return nearest;
}

export const learningRate = (state, name) => (state.one_rate ? state.learning_rate : state[name]);

/** Returns the displayed step: the selected one, or the last one if the runs are shorter. */
export const displayedStep = (state) => Math.min(state.step, state.num_steps);
