// Writes a Python script that makes the runs of a state.
import { HYPERPARAMETERS } from "./optimizers.js";
import { displayedStep, learningRate } from "./settings.js";

function toLiteral(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  return String(value);
}

const toFloatLiteral = (value) => (Number.isInteger(value) ? `${value}.0` : String(value));

/** Returns the script. It prints the parameters at the displayed step, formatted as on the page. */
export function toPython(state) {
  const optimizers = state.shown.map((name) => {
    const hyperparameters = HYPERPARAMETERS[name].map((key) => `${key}=${toLiteral(state[key])}`);
    return `    ${name}(${[`learning_rate=${learningRate(state, name)}`, ...hyperparameters].join(", ")}),`;
  });
  const { activity, noise, batch_size, seed, theta1, theta2, num_steps } = state;
  return `from adaptive_optim import ${[...state.shown, "SparseRegression", "minimize"].sort().join(", ")}

problem = SparseRegression(activity=${activity / 100}, noise=${noise}, batch_size=${batch_size}, seed=${seed})
optimizers = [
${optimizers.join("\n")}
]
for optimizer in optimizers:
    run = minimize(optimizer, problem.gradient, params=[${toFloatLiteral(theta1)}, ${toFloatLiteral(theta2)}], num_steps=${num_steps})
    theta1, theta2 = run.params[${displayedStep(state)}]
    print(f"{type(optimizer).__name__:9} {theta1:#.7g} {theta2:#.7g}")
`;
}
