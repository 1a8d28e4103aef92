// The state as a Python script that makes the same runs.
import { learningRate, seenStep } from "./knobs.js";
import { SETTINGS } from "./optimizers.js";

/** A number or a truth value as Python writes it. */
function literal(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  return String(value);
}

/** A number that is to be a float in Python. */
const float = (value) => (Number.isInteger(value) ? `${value}.0` : literal(value));

/** The script. It prints the parameters at the step that is seen, as the page shows them. */
export function asPython(state) {
  const step = seenStep(state);
  const optimizers = state.shown.map((name) => {
    const settings = SETTINGS[name].map((setting) => `${setting}=${literal(state[setting])}`);
    return `    ${name}(${[`learning_rate=${literal(learningRate(state, name))}`, ...settings].join(", ")}),`;
  });
  const { activity, noise, batch_size, seed, theta1, theta2, num_steps } = state;
  return `from adaptive_optim import ${[...state.shown, "SparseRegression", "minimize"].sort().join(", ")}

problem = SparseRegression(activity=${literal(activity / 100)}, noise=${literal(noise)}, batch_size=${batch_size}, seed=${seed})
optimizers = [
${optimizers.join("\n")}
]
for optimizer in optimizers:
    run = minimize(optimizer, problem.gradient, params=[${float(theta1)}, ${float(theta2)}], num_steps=${num_steps})
    theta1, theta2 = run.params[${step}]
    print(f"{type(optimizer).__name__:9} {theta1:#.7g} {theta2:#.7g}")
`;
}
