// The live demo: its state, and what follows from it.
import { select } from "d3-selection";
import { arithmetic } from "./arithmetic.js";
import { Bars } from "./bars.js";
import { addButton, addChoice, addFlag, addFold, addSlider, addSwitch } from "./controls.js";
import { SETTINGS } from "./optimizers.js";
import { KNOBS, START, seenStep } from "./knobs.js";
import { Lines, lossDomain, rateDomain } from "./lines.js";
import { PRESETS, presetState } from "./link.js";
import { asPython } from "./python.js";
import { Runs } from "./runs.js";
import { Space } from "./space.js";
import { adagradSums, general, ratio, sentence, short, whyNoRate } from "./words.js";

/** Knobs that change the runs. */
const RUN_KNOBS = Object.keys(KNOBS).filter((name) => !KNOBS[name].view);
const SETTING = { beta: "β", rho: "ρ", beta1: "β₁", beta2: "β₂", bias_correction: "bias correction" };

/** Said as long as no preset is. */
export const HINT = "Lower the activity and watch the bars. Space plays the steps, comma and full stop take one.";

/** Everything apart from what needs a browser: the parts, and drawing a state. There is nothing to see before `build`. */
export class Demo {
  /**
   * @param {HTMLElement} element becomes the demo
   * @param {{ optimizers: object[], window: [number, number], levels: number[] }} looks
   * @param {import("./problem.js").Draws[]} seeds
   * @param {boolean} compact plot, bars and activity, nothing else
   */
  constructor(element, looks, seeds, compact) {
    this.element = element;
    this.runs = new Runs(seeds);
    this.state = { ...START };
    this.compact = compact;
    this.looks = { ...looks, id: compact ? "compact-demo" : "demo" };
    this.follows = [];
    this.changed = () => {};
    this.set = this.set.bind(this);
  }

  /** Builds all parts and draws the first state, in pieces: a browser can do other things between two of them. */
  *build() {
    yield* this.#build(this.looks);
    yield* this.#drawing();
  }

  /** Changes some of the state, by values or by what makes them from the state. */
  set(changes) {
    const made = typeof changes === "function" ? changes(this.state) : changes;
    this.state = { ...this.state, ...made };
    this.changed();
  }

  get step() {
    return seenStep(this.state);
  }

  #add(follow) {
    this.follows.push(follow);
  }

  *#build(looks) {
    const root = select(this.element);
    root.selectChildren().remove();
    if (!this.compact) this.note = root.append("p").attr("class", "ignored").attr("role", "alert").attr("hidden", "");
    this.#add(addSlider(root, "activity", this.set));
    if (!this.compact) this.says = root.append("p").attr("class", "says").attr("role", "status").text(HINT);
    const stage = root.append("div").attr("class", "stage");
    yield;
    this.space = new Space(stage, looks);
    const side = stage.append("div").attr("class", "side");
    yield;
    this.bars = new Bars(side, looks);
    if (!this.compact) yield* this.#buildRest(root, side, looks);
    this.spoken = root.append("p").attr("class", "spoken").attr("role", "status");
  }

  *#buildRest(root, side, looks) {
    yield;
    this.losses = new Lines(side, {
      ...looks,
      kind: "losses",
      height: 154,
      title: "full loss above its minimum",
      label: "Curves of the loss against the step",
    });
    const parts = [
      this.#buildTime,
      this.#buildPresets,
      this.#buildOptimizers,
      this.#buildProblem,
      this.#buildNumbers,
      this.#buildHistory,
      this.#buildTable,
      this.#buildSharing,
    ];
    for (const part of parts) {
      yield;
      part.call(this, root, looks);
    }
  }

  #buildTime(root) {
    const time = root.append("div").attr("class", "time");
    const by = (steps) => () => this.set(({ num_steps }) => ({ step: Math.max(0, Math.min(num_steps, this.step + steps)) }));
    this.playButton = addButton(time, "play", "Play", () => this.play?.()).attr("title", "Key: space");
    addButton(time, "back", "−1", by(-1)).attr("aria-label", "−1: one step back").attr("title", "Key: comma");
    addButton(time, "forward", "+1", by(1)).attr("aria-label", "+1: one step forward").attr("title", "Key: full stop");
    this.#add(addSlider(time, "step", this.set, { read: seenStep, last: ({ num_steps }) => num_steps }));
    this.#add(addChoice(time, "speed", this.set, { own: "per second" }));
  }

  #buildPresets(root) {
    const box = root.append("div").attr("class", "presets").attr("role", "group").attr("aria-label", "States that show one thing");
    this.presetButtons = Object.entries(PRESETS).map(([name, { label }]) =>
      addButton(box, "preset", label, () => this.show?.(presetState(name), name)).attr("data-preset", name),
    );
  }

  #buildOptimizers(root, { optimizers }) {
    const box = root.append("fieldset").attr("class", "optimizers");
    box.append("legend").text("Optimizers");
    for (const optimizer of optimizers) {
      const { name } = optimizer;
      const row = box.append("div").attr("class", "optimizer").attr("data-optimizer", name);
      this.#add(addSwitch(row, optimizer, this.set));
      this.#add(addSlider(row, name, this.set, { own: "η" }));
      const more = row.append("div").attr("class", "more");
      for (const setting of SETTINGS[name]) {
        if (setting in SETTING) this.#addSetting(more, setting);
      }
    }
    const all = box.append("div").attr("class", "optimizer all");
    this.#add(addFlag(all, "one_rate", this.set, { own: "one η for all" }));
    this.#add(addSlider(all, "learning_rate", this.set, { own: "η" }));
    this.#add(addSlider(all.append("div").attr("class", "more"), "eps", this.set, { own: "ε" }));
    this.#add(({ one_rate }) => box.attr("data-one-rate", one_rate ? "yes" : "no"));
  }

  #addSetting(parent, setting) {
    const add = KNOBS[setting].kind === "flag" ? addFlag : addSlider;
    this.#add(add(parent, setting, this.set, { own: SETTING[setting] }));
  }

  #buildProblem(root) {
    const box = root.append("fieldset").attr("class", "problem");
    box.append("legend").text("Problem");
    this.#add(addChoice(box, "batch_size", this.set, { text: (size) => (size === 400 ? "full (400)" : String(size)) }));
    this.#add(addSlider(box, "noise", this.set));
    this.#add(addChoice(box, "seed", this.set));
    this.#add(addSlider(box, "num_steps", this.set));
    this.#add(addSlider(box, "theta1", this.set, { own: "Start θ₁" }));
    this.#add(addSlider(box, "theta2", this.set, { own: "Start θ₂" }));
  }

  #fold(root, name) {
    const [fold, follow] = addFold(root, name, this.set);
    this.#add(follow);
    return fold.append("div").attr("class", "inside");
  }

  #buildNumbers(root) {
    const inside = this.#fold(root, "numbers");
    this.#add(addChoice(inside, "chosen", this.set));
    this.numbersNote = inside.append("p");
    const scroll = inside.append("div").attr("class", "scroll").attr("tabindex", 0).attr("role", "region").attr("aria-label", "The step in numbers");
    this.numbers = addTable(scroll, ["line", "rule", "dense θ₁", "sparse θ₂"], 2);
  }

  #buildHistory(root, looks) {
    const inside = this.#fold(root, "history").attr("class", "inside pair");
    this.history = ["dense", "sparse"].map((coordinate) => new Lines(inside, {
      ...looks,
      kind: `rates-${coordinate}`,
      height: 180,
      title: `effective learning rate, ${coordinate} weight`,
      label: `Curves of the effective learning rate of the ${coordinate} weight against the step`,
    }));
  }

  #buildTable(root) {
    const inside = this.#fold(root, "table");
    const scroll = inside.append("div").attr("class", "scroll").attr("tabindex", 0).attr("role", "region").attr("aria-label", "Rates, weights and losses");
    this.table = addTable(scroll, ["optimizer", "rate, dense", "rate, sparse", "sparse / dense", "θ₁", "θ₂", "excess loss"], 1);
    this.sums = inside.append("p");
  }

  #buildSharing(root) {
    const box = root.append("div").attr("class", "sharing");
    addButton(box, "copy-link", "Copy link", () => this.copyLink?.());
    addButton(box, "copy-python", "Copy as Python", () => this.copyPython?.());
    addButton(box, "reset", "Reset", () => this.show?.({ ...START }));
    this.copied = box.append("span").attr("role", "status");
    this.copyText = root.append("textarea").attr("class", "copy-text").attr("readonly", "").attr("hidden", "").attr("aria-label", "Text to copy");
  }

  /** Draws the state; the runs only if they have changed. */
  draw() {
    for (const _ of this.#drawing());
  }

  *#drawing() {
    yield;
    const { state, step } = this;
    const key = RUN_KNOBS.map((name) => state[name]).join();
    if (key !== this.runsKey) {
      this.runsKey = key;
      this.made = this.runs.make(state);
    }
    const view = { ...this.made, state, step };
    yield;
    this.space.draw(view);
    yield;
    this.bars.draw(view);
    yield;
    for (const follow of this.follows) follow(state);
    if (this.compact) return;
    yield;
    this.#drawLines(view, key);
    if (state.numbers) this.#drawNumbers(view);
    if (state.table) this.#drawTable(view);
  }

  #drawLines({ runs, state: { num_steps: numSteps, history }, step }, key) {
    const shared = { numSteps, step, key };
    const isNew = this.losses.key !== key;
    const curves = runs.map(({ name, losses }) => ({ name, values: losses }));
    this.losses.draw({ ...shared, curves, first: 0, domain: isNew && lossDomain(runs) });
    if (!history) return;
    const domain = this.history[0].key !== key && rateDomain(runs);
    this.history.forEach((lines, i) => {
      const rates = runs.map(({ name, rates }) => ({ name, values: rates[i] }));
      lines.draw({ ...shared, curves: rates, first: 1, domain });
    });
  }

  #drawNumbers({ problem, runs, state, step }) {
    const run = runs.find(({ name }) => name === state.chosen);
    const why = whyNoNumbers(run, state, step);
    this.numbersNote.text(why || whatIsSeen(problem, step));
    this.numbers(why ? [] : arithmetic(state, problem, run, step));
  }

  #drawTable(view) {
    const { runs, step } = view;
    this.sums.text(adagradSums(view));
    this.table(runs.map((run) => {
      const rate = (i) => whyNoRate(run, i, step) || short(run.rates[i][step - 1], 4);
      const gone = run.divergedAt >= 0 && step > run.divergedAt;
      const weights = run.params.map((values) => (gone ? "diverged" : general(values[step])));
      return [run.name, rate(0), rate(1), short(ratio(run, step), 3), ...weights, gone ? "diverged" : short(run.losses[step], 3)];
    }));
  }

  /** What is to be seen, in words. */
  get sentence() {
    return sentence({ ...this.made, state: this.state, step: this.step });
  }

  get python() {
    return asPython(this.state);
  }
}

function whyNoNumbers(run, { chosen }, step) {
  if (!run) return `${chosen} is switched off.`;
  if (!step) return "No step is taken yet: go one forward.";
  return run.divergedAt >= 0 && step > run.divergedAt ? `${chosen} diverged at step ${run.divergedAt + 1}.` : "";
}

/** The batch of a step in a sentence. */
function whatIsSeen(problem, step) {
  const samples = Array.from(problem.batch(step - 1), (i) => i + 1);
  const several = samples.length > 1;
  const names = samples.slice(0, 4).join(", ") + (samples.length > 4 ? ` and ${samples.length - 4} more` : "");
  const active = problem.isActive(step - 1) ? "is" : "is not";
  return `Step ${step} sees sample${several ? "s" : ""} ${names}. The sparse feature ${active} in ${several ? "this batch" : "it"}.`;
}

/** Adds a table; returns how to fill it. The first cells of a row, so many, are its head. */
function addTable(parent, columns, heads) {
  const table = parent.append("table");
  table.append("thead").append("tr").selectAll("th").data(columns).join("th").attr("scope", "col").text(String);
  const body = table.append("tbody");
  return (rows) => {
    body
      .selectAll("tr")
      .data(rows)
      .join("tr")
      .selectAll("th, td")
      .data((cells) => cells)
      .join((enter) => enter.append((_, i) => body.node().ownerDocument.createElement(i < heads ? "th" : "td")))
      .attr("scope", (_, i) => (i < heads ? "row" : null))
      .text(String);
  };
}
