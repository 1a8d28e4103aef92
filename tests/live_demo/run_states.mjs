// Reads states as JSON from standard input; writes for each what the demo computes from it.
// usage: node run_states.mjs data.json < states.json
import { readFileSync } from "node:fs";
import { START, seenStep } from "../../book/live_demo/knobs.js";
import { fromFragment, toFragment } from "../../book/live_demo/link.js";
import { readDraws } from "../../book/live_demo/problem.js";
import { asPython } from "../../book/live_demo/python.js";
import { Runs } from "../../book/live_demo/runs.js";
import { general } from "../../book/live_demo/words.js";

const { seeds } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const runs = new Runs(seeds.map(readDraws));
const bytes = (values) => Buffer.from(values.buffer).toString("base64");

for (const changes of JSON.parse(readFileSync(0, "utf8"))) {
  const wanted = { ...START, ...changes };
  const { state, ignored } = fromFragment(toFragment(wanted));
  const { problem, runs: made } = runs.make(state);
  const answer = {
    state,
    ignored,
    minimum: problem.minimum,
    python: asPython(state),
    runs: made.map(({ name, params, rates, losses, divergedAt }) => ({
      name,
      divergedAt,
      params: params.map(bytes),
      rates: rates.map(bytes),
      losses: bytes(losses),
      printed: params.map((values) => general(values[seenStep(state)])),
    })),
  };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
