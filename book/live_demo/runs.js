// From the state to everything that is drawn: the problem, the runs and their losses.
import { minimize, roomFor } from "./descent.js";
import { learningRate } from "./knobs.js";
import { OPTIMIZERS, SETTINGS } from "./optimizers.js";
import { SparseRegression, batches } from "./problem.js";

/** An optimizer as the state sets it. */
export function makeOptimizer(state, name) {
  const settings = Object.fromEntries(SETTINGS[name].map((setting) => [setting, state[setting]]));
  return new OPTIMIZERS[name]({ learning_rate: learningRate(state, name), ...settings });
}

/** Makes the runs of a state, and keeps what does not change from one state to the next. */
export class Runs {
  /** @param {import("./problem.js").Draws[]} seeds */
  constructor(seeds) {
    this.seeds = seeds;
    this.rooms = new Map();
  }

  #order({ seed, batch_size, num_steps }) {
    const key = [seed, batch_size, num_steps].join();
    if (this.key !== key) {
      this.key = key;
      this.order = batches(this.seeds[seed], batch_size, num_steps);
    }
    return this.order;
  }

  /** Where the run of an optimizer is written, again and again: room for a run is slow to get. */
  #room(name, numSteps) {
    if (this.rooms.get(name)?.losses.length !== numSteps + 1) {
      this.rooms.set(name, { name, ...roomFor(numSteps), losses: new Float64Array(numSteps + 1) });
    }
    return this.rooms.get(name);
  }

  /** The problem, and for each optimizer that is shown its run and loss: valid until the next are made. */
  make(state) {
    const settings = { activity: state.activity / 100, noise: state.noise };
    const problem = new SparseRegression(this.seeds[state.seed], settings, this.#order(state));
    const start = [state.theta1, state.theta2];
    const runs = state.shown.map((name) => {
      const run = this.#room(name, state.num_steps);
      minimize(makeOptimizer(state, name), problem, start, run);
      problem.excessLosses(run.params, run.losses);
      return run;
    });
    return { problem, runs };
  }
}
