// Computes everything that a state shows: the problem, the runs and their losses.
import { OPTIMIZERS, HYPERPARAMETERS } from "./optimizers.js";
import { SparseRegression, makeBatches } from "./problem.js";
import { learningRate } from "./settings.js";
import { allocateTrajectory, minimize } from "./trajectory.js";

export function makeOptimizer(state, name) {
  const hyperparameters = Object.fromEntries(HYPERPARAMETERS[name].map((key) => [key, state[key]]));
  return new OPTIMIZERS[name]({ learning_rate: learningRate(state, name), ...hyperparameters });
}

/** Runs the optimizers of a state. Keeps batches and arrays between calls, because they are slow to make. */
export class Simulation {
  #batches;
  #batchesKey;
  #runs = new Map();

  /** @param {import("./problem.js").Draws[]} seeds */
  constructor(seeds) {
    this.seeds = seeds;
  }

  /** Returns the problem and the runs of the selected optimizers. The next call overwrites the runs. */
  run(state) {
    const settings = { activity: state.activity / 100, noise: state.noise };
    const problem = new SparseRegression(this.seeds[state.seed], settings, this.#getBatches(state));
    const start = [state.theta1, state.theta2];
    const runs = state.shown.map((name) => {
      const run = this.#getRun(name, state.num_steps);
      minimize(makeOptimizer(state, name), problem, start, run);
      problem.excessLosses(run.params, run.losses);
      return run;
    });
    return { problem, runs };
  }

  #getBatches({ seed, batch_size, num_steps }) {
    const key = [seed, batch_size, num_steps].join();
    if (this.#batchesKey !== key) {
      this.#batchesKey = key;
      this.#batches = makeBatches(this.seeds[seed], batch_size, num_steps);
    }
    return this.#batches;
  }

  #getRun(name, numSteps) {
    if (this.#runs.get(name)?.losses.length !== numSteps + 1) {
      this.#runs.set(name, { name, ...allocateTrajectory(numSteps), losses: new Float64Array(numSteps + 1) });
    }
    return this.#runs.get(name);
  }
}
