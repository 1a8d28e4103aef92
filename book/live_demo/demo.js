// The demo: its state, its parts, and drawing a state. build.js draws it in Node, page.js makes it interactive.
import { select } from "d3-selection";
import { BarChart } from "./bar_chart.js";
import { ContourPlot } from "./contour_plot.js";
import { addButton, addCheckbox, addDetails, addOptimizerCheckbox, addSelect, addSlider } from "./controls.js";
import { LineChart, lossDomain, rateDomain } from "./line_chart.js";
import { PRESETS, presetState } from "./link.js";
import { HYPERPARAMETERS } from "./optimizers.js";
import { toPython } from "./python.js";
import { INITIAL_STATE, SETTINGS, displayedStep } from "./settings.js";
import { Simulation } from "./simulation.js";
import { stepTable } from "./step_table.js";
import { explainAdagradRatio, formatLikePython, formatNumber, missingRateReason, rateRatio, summarize } from "./text.js";

/** The settings that change the runs. */
const RUN_SETTINGS = Object.keys(SETTINGS).filter((name) => !SETTINGS[name].viewOnly);
/** The hyperparameters with a control beside their optimizer. All optimizers share one ε. */
const HYPERPARAMETER_LABELS = { beta: "β", rho: "ρ", beta1: "β₁", beta2: "β₂", bias_correction: "bias correction" };

/** Shown while no preset is open. */
export const HINT = "Lower the activity and watch the bars. Space plays and pauses, comma and full stop step back and forward.";

export class Demo {
  // Event handlers, set by page.js.
  onStateChange = () => {};
  onPlay;
  onOpen;
  onCopyLink;
  onCopyPython;

  /**
   * @param {HTMLElement} element replaces its content with the demo
   * @param {{ optimizers: object[], window: [number, number], levels: number[] }} chartOptions
   * @param {import("./problem.js").Draws[]} seeds
   * @param {boolean} compact only contour plot, bars and the activity slider
   */
  constructor(element, chartOptions, seeds, compact) {
    this.element = element;
    this.chartOptions = { ...chartOptions, id: compact ? "compact-demo" : "demo" };
    this.simulation = new Simulation(seeds);
    this.compact = compact;
    this.state = { ...INITIAL_STATE };
    this.updaters = [];
    this.setState = this.setState.bind(this);
  }

  /** Builds all parts and draws the initial state. Yields often, so that the page stays responsive. */
  *build() {
    yield* this.#buildParts();
    yield* this.#drawInSteps();
  }

  /** Changes the state by some values, or by a function from the state to these values. */
  setState(changes) {
    this.state = { ...this.state, ...(typeof changes === "function" ? changes(this.state) : changes) };
    this.onStateChange();
  }

  get step() {
    return displayedStep(this.state);
  }

  get summary() {
    return summarize({ ...this.results, state: this.state, step: this.step });
  }

  get python() {
    return toPython(this.state);
  }

  *#buildParts() {
    const root = select(this.element);
    root.selectChildren().remove();
    if (!this.compact) this.invalidLink = root.append("p").attr("class", "invalid-link").attr("role", "alert").attr("hidden", "");
    this.#addSlider(root, "activity");
    if (!this.compact) this.description = root.append("p").attr("class", "description").attr("role", "status").text(HINT);
    const charts = root.append("div").attr("class", "charts");
    yield;
    this.contourPlot = new ContourPlot(charts, this.chartOptions);
    const column = charts.append("div").attr("class", "chart-column");
    yield;
    this.bars = new BarChart(column, this.chartOptions);
    if (!this.compact) {
      yield;
      this.#buildLosses(column);
      yield;
      this.#buildPlayback(root);
      yield;
      this.#buildPresets(root);
      yield;
      this.#buildOptimizers(root);
      yield;
      this.#buildProblem(root);
      yield;
      this.#buildStepTable(root);
      yield;
      this.#buildHistory(root);
      yield;
      this.#buildResultTable(root);
      yield;
      this.#buildActions(root);
    }
    this.announcement = root.append("p").attr("class", "announcement").attr("role", "status");
  }

  #buildLosses(parent) {
    this.losses = new LineChart(parent, {
      ...this.chartOptions,
      type: "losses",
      height: 154,
      title: "full loss above its minimum",
      label: "Curves of the loss against the step",
    });
  }

  #buildPlayback(root) {
    const box = root.append("div").attr("class", "playback");
    const moveBy = (steps) => () => this.setState(({ num_steps }) => ({ step: Math.max(0, Math.min(num_steps, this.step + steps)) }));
    this.playButton = addButton(box, "play", "Play", () => this.onPlay?.()).attr("title", "Key: space");
    addButton(box, "back", "−1", moveBy(-1)).attr("aria-label", "−1: one step back").attr("title", "Key: comma");
    addButton(box, "forward", "+1", moveBy(1)).attr("aria-label", "+1: one step forward").attr("title", "Key: full stop");
    this.#addSlider(box, "step", { getValue: displayedStep, getMaxIndex: ({ num_steps }) => num_steps });
    this.#addSelect(box, "speed", { label: "per second" });
  }

  #buildPresets(root) {
    const box = root.append("div").attr("class", "presets").attr("role", "group").attr("aria-label", "Presets");
    this.presetButtons = Object.entries(PRESETS).map(([name, { label }]) =>
      addButton(box, "preset", label, () => this.onOpen?.(presetState(name), name)).attr("data-preset", name),
    );
  }

  #buildOptimizers(root) {
    const box = root.append("fieldset").attr("class", "optimizers");
    box.append("legend").text("Optimizers");
    for (const optimizer of this.chartOptions.optimizers) {
      const { name } = optimizer;
      const row = box.append("div").attr("class", "optimizer").attr("data-optimizer", name);
      this.updaters.push(addOptimizerCheckbox(row, optimizer, this.setState));
      this.#addSlider(row, name, { label: "η" });
      const hyperparameters = row.append("div").attr("class", "hyperparameters");
      for (const key of HYPERPARAMETERS[name]) {
        const label = HYPERPARAMETER_LABELS[key];
        if (!label) continue;
        if (SETTINGS[key].type === "boolean") this.#addCheckbox(hyperparameters, key, { label });
        else this.#addSlider(hyperparameters, key, { label });
      }
    }
    const row = box.append("div").attr("class", "optimizer all-optimizers");
    this.#addCheckbox(row, "one_rate", { label: "one η for all" });
    this.#addSlider(row, "learning_rate", { label: "η" });
    this.#addSlider(row.append("div").attr("class", "hyperparameters"), "eps", { label: "ε" });
    this.updaters.push(({ one_rate }) => box.attr("data-one-rate", one_rate ? "yes" : "no"));
  }

  #buildProblem(root) {
    const box = root.append("fieldset").attr("class", "problem");
    box.append("legend").text("Problem");
    this.#addSelect(box, "batch_size", { formatChoice: (size) => (size === 400 ? "full (400)" : String(size)) });
    this.#addSlider(box, "noise");
    this.#addSelect(box, "seed");
    this.#addSlider(box, "num_steps");
    this.#addSlider(box, "theta1", { label: "Start θ₁" });
    this.#addSlider(box, "theta2", { label: "Start θ₂" });
  }

  #buildStepTable(root) {
    const body = this.#addDetails(root, "numbers");
    this.#addSelect(body, "chosen");
    this.stepNote = body.append("p");
    this.fillStepTable = addTable(body, { label: "The step in numbers", columns: ["line", "rule", "dense θ₁", "sparse θ₂"], numHeaders: 2 });
  }

  #buildHistory(root) {
    const body = this.#addDetails(root, "history").attr("class", "details-body side-by-side");
    this.history = ["dense", "sparse"].map((coordinate) => new LineChart(body, {
      ...this.chartOptions,
      type: `rates-${coordinate}`,
      height: 180,
      title: `effective learning rate, ${coordinate} weight`,
      label: `Curves of the effective learning rate of the ${coordinate} weight against the step`,
    }));
  }

  #buildResultTable(root) {
    const body = this.#addDetails(root, "table");
    const columns = ["optimizer", "rate, dense", "rate, sparse", "sparse / dense", "θ₁", "θ₂", "excess loss"];
    this.fillResultTable = addTable(body, { label: "Rates, weights and losses", columns, numHeaders: 1 });
    this.adagradRatio = body.append("p");
  }

  #buildActions(root) {
    const box = root.append("div").attr("class", "actions");
    addButton(box, "copy-link", "Copy link", () => this.onCopyLink?.());
    addButton(box, "copy-python", "Copy as Python", () => this.onCopyPython?.());
    addButton(box, "reset", "Reset", () => this.onOpen?.({ ...INITIAL_STATE }));
    this.copyStatus = box.append("span").attr("role", "status");
    this.copyText = root.append("textarea").attr("class", "copy-text").attr("readonly", "").attr("hidden", "").attr("aria-label", "Text to copy");
  }

  #addSlider(parent, name, options) {
    this.updaters.push(addSlider(parent, name, this.setState, options));
  }

  #addSelect(parent, name, options) {
    this.updaters.push(addSelect(parent, name, this.setState, options));
  }

  #addCheckbox(parent, name, options) {
    this.updaters.push(addCheckbox(parent, name, this.setState, options));
  }

  #addDetails(parent, name) {
    const [details, update] = addDetails(parent, name, this.setState);
    this.updaters.push(update);
    return details.append("div").attr("class", "details-body");
  }

  /** Draws the state. Computes the runs only if their settings have changed. */
  draw() {
    for (const _ of this.#drawInSteps());
  }

  *#drawInSteps() {
    yield;
    const { state, step } = this;
    const key = RUN_SETTINGS.map((name) => state[name]).join();
    if (key !== this.runsKey) {
      this.runsKey = key;
      this.results = this.simulation.run(state);
    }
    const view = { ...this.results, state, step };
    yield;
    this.contourPlot.draw(view);
    yield;
    this.bars.draw(view);
    yield;
    for (const update of this.updaters) update(state);
    if (this.compact) return;
    yield;
    this.#drawLineCharts(view, key);
    if (state.numbers) this.#drawStepTable(view);
    if (state.table) this.#drawResultTable(view);
  }

  #drawLineCharts({ runs, state: { num_steps: numSteps, history }, step }, key) {
    const shared = { numSteps, step, key };
    const curves = runs.map(({ name, losses }) => ({ name, values: losses }));
    // Domains are slow to compute, and a chart with the same key does not use them.
    this.losses.draw({ ...shared, curves, firstStep: 0, domain: this.losses.key !== key && lossDomain(runs) });
    if (!history) return;
    const domain = this.history[0].key !== key && rateDomain(runs);
    this.history.forEach((chart, i) => {
      const rateCurves = runs.map(({ name, rates }) => ({ name, values: rates[i] }));
      chart.draw({ ...shared, curves: rateCurves, firstStep: 1, domain });
    });
  }

  #drawStepTable({ problem, runs, state, step }) {
    const run = runs.find(({ name }) => name === state.chosen);
    const reason = emptyTableReason(run, state, step);
    this.stepNote.text(reason || describeBatch(problem, step));
    this.fillStepTable(reason ? [] : stepTable(state, problem, run, step));
  }

  #drawResultTable(view) {
    const { runs, step } = view;
    this.adagradRatio.text(explainAdagradRatio(view));
    this.fillResultTable(runs.map((run) => {
      const formatRate = (i) => missingRateReason(run, i, step) || formatNumber(run.rates[i][step - 1], 4);
      const ratio = formatNumber(rateRatio(run, step));
      const diverged = run.divergedAt >= 0 && step > run.divergedAt;
      const weights = run.params.map((values) => (diverged ? "diverged" : formatLikePython(values[step])));
      return [run.name, formatRate(0), formatRate(1), ratio, ...weights, diverged ? "diverged" : formatNumber(run.losses[step])];
    }));
  }
}

function emptyTableReason(run, { chosen }, step) {
  if (!run) return `${chosen} is switched off.`;
  if (!step) return "There is no step yet. Press +1.";
  return run.divergedAt >= 0 && step > run.divergedAt ? `${chosen} diverged at step ${run.divergedAt + 1}.` : "";
}

function describeBatch(problem, step) {
  const samples = Array.from(problem.batch(step - 1), (i) => i + 1);
  const verb = problem.isActive(step - 1) ? "is" : "is not";
  if (samples.length === 1) return `Step ${step} uses sample ${samples[0]}. The sparse feature ${verb} in it.`;
  const list = samples.slice(0, 4).join(", ") + (samples.length > 4 ? ` and ${samples.length - 4} more` : "");
  return `Step ${step} uses samples ${list}. The sparse feature ${verb} in this batch.`;
}

/** Adds a table that can scroll. Returns a function that fills it. The first `numHeaders` cells of a row are headers. */
function addTable(parent, { label, columns, numHeaders }) {
  const table = parent
    .append("div")
    .attr("class", "scroll-area")
    .attr("tabindex", 0)
    .attr("role", "region")
    .attr("aria-label", label)
    .append("table");
  table.append("thead").append("tr").selectAll("th").data(columns).join("th").attr("scope", "col").text(String);
  const body = table.append("tbody");
  return (rows) => {
    body
      .selectAll("tr")
      .data(rows)
      .join("tr")
      .selectAll("th, td")
      .data((cells) => cells)
      .join((enter) => enter.append((_, i) => body.node().ownerDocument.createElement(i < numHeaders ? "th" : "td")))
      .attr("scope", (_, i) => (i < numHeaders ? "row" : null))
      .text(String);
  };
}
