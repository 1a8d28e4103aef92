// Reads a JSON list of fragments from standard input. Writes one line of JSON for each: its state and what the demo computes.
// Usage: node run_states.mjs data.json < fragments.json
import { readFileSync } from "node:fs";
import { parseFragment, toFragment } from "../../book/live_demo/link.js";
import { decodeDraws } from "../../book/live_demo/problem.js";
import { toPython } from "../../book/live_demo/python.js";
import { displayedStep } from "../../book/live_demo/settings.js";
import { Simulation } from "../../book/live_demo/simulation.js";
import { formatLikePython } from "../../book/live_demo/text.js";

const { seeds } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const simulation = new Simulation(seeds.map(decodeDraws));
const encode = (values) => Buffer.from(values.buffer).toString("base64");

for (const fragment of JSON.parse(readFileSync(0, "utf8"))) {
  const { state, invalid } = parseFragment(fragment);
  const { problem, runs } = simulation.run(state);
  const result = {
    state,
    invalid,
    fragment: toFragment(state),
    minimum: problem.minimum,
    python: toPython(state),
    runs: runs.map(({ name, params, rates, losses, divergedAt }) => ({
      name,
      divergedAt,
      params: params.map(encode),
      rates: rates.map(encode),
      losses: encode(losses),
      printed: params.map((values) => formatLikePython(values[displayedStep(state)])),
    })),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
