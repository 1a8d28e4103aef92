// The effective learning rates at one step: two bars per optimizer on a log axis.
import { Axis, addChart, decadeDomain, setAttribute, setText } from "./chart.js";
import { explainAdagradRatio, formatRatio, missingRateReason, rateRatio } from "./text.js";

const HEIGHT = 270;
const MARGIN = { left: 84, right: 46, top: 44, bottom: 58 };
const MIN_DOMAIN = [0.001, 1]; // The axis is longer if a rate lies outside.
const MAX_BAR_HEIGHT = 12;
const COORDINATES = ["dense", "sparse"];

export class BarChart {
  constructor(parent, { optimizers, id }) {
    const { svg, plot, width, height } = addChart(parent, {
      type: "bars",
      height: HEIGHT,
      margin: MARGIN,
      label: "Bars of the effective learning rate of each optimizer for the dense and the sparse weight",
    });
    this.height = height;
    const hatch = svg
      .selectAll("pattern")
      .data(optimizers)
      .join("pattern")
      .attr("id", ({ name }) => `${id}-${name}`)
      .attr("width", 5)
      .attr("height", 5)
      .attr("patternUnits", "userSpaceOnUse")
      .attr("patternTransform", "rotate(45)");
    hatch.append("rect").attr("width", 2).attr("height", 5).attr("fill", ({ color }) => color);
    this.#addLegend(svg);
    svg.append("text").attr("class", "ratio-title").attr("x", MARGIN.left + width + 42).attr("y", 37).text("ratio");
    this.x = new Axis(plot, { side: "bottom", length: width, gridLength: height, title: "effective learning rate (log scale)", log: true });
    this.adagradRatio = svg.append("text").attr("class", "adagrad-ratio").attr("x", 1).attr("y", HEIGHT - 5);
    this.rows = plot
      .selectAll(".optimizer-rates")
      .data(optimizers)
      .join("g")
      .attr("class", "optimizer-rates")
      .attr("data-optimizer", ({ name }) => name);
    this.rows
      .append("text")
      .attr("class", "name")
      .attr("x", -14)
      .text(({ name }) => name);
    this.rows.append("text").attr("class", "rate-ratio").attr("x", width + 42);
    for (const coordinate of COORDINATES) {
      const bar = this.rows.append("g").attr("class", `bar ${coordinate}`);
      bar.append("circle").attr("class", "gradient").attr("cx", -6).attr("r", 2.5).attr("stroke", ({ color }) => color);
      bar
        .append("rect")
        .attr("fill", ({ name, color }) => (coordinate === "dense" ? color : `url(#${id}-${name})`))
        .attr("stroke", ({ color }) => color);
      bar.append("text").attr("class", "missing-rate").attr("x", 4);
    }
  }

  #addLegend(svg) {
    const legend = svg.append("g").attr("class", "legend");
    this.legendTexts = COORDINATES.map((coordinate, i) => {
      const line = legend.append("g").attr("transform", `translate(0,${14 + 16 * i})`);
      line.append("rect").attr("class", `swatch ${coordinate}`).attr("x", 1).attr("y", -8).attr("width", 16).attr("height", 8);
      if (coordinate === "sparse") line.append("path").attr("d", "M4,0L9,-8M9,0L14,-8").attr("class", "swatch-hatch");
      return line.append("text").attr("x", 24);
    });
  }

  draw({ problem, runs, state, step }) {
    const rates = runs.flatMap((run) => run.rates.map((values) => values[step - 1])).filter((rate) => rate > 0);
    // The axis begins below the smallest rate, so that its bar is visible.
    this.x.draw(decadeDomain(Math.min(MIN_DOMAIN[0], ...rates.map((rate) => 0.9 * rate)), Math.max(MIN_DOMAIN[1], ...rates)));
    this.#drawLegend(problem, step);
    setText(this.adagradRatio.node(), explainAdagradRatio({ runs, state, step }));
    const rowHeight = this.height / Math.max(runs.length, 3);
    const barHeight = Math.min(MAX_BAR_HEIGHT, rowHeight / 2 - 2);
    const chart = this;
    this.rows.each(function ({ name, color }) {
      const row = runs.findIndex((run) => run.name === name);
      this.toggleAttribute("hidden", row < 0);
      if (row < 0) return;
      const run = runs[row];
      const middle = (row + 0.5) * rowHeight;
      const [label, ratioText, ...bars] = this.children;
      setAttribute(label, "y", middle + 4);
      setAttribute(ratioText, "y", middle + 4);
      const ratio = rateRatio(run, step);
      setText(ratioText, ratio > 0 ? `×${formatRatio(ratio)}` : "");
      const grad = gradientAt(problem, run, step);
      bars.forEach((bar, i) => {
        chart.#drawBar(bar, run, i, step, middle + (i ? 0.5 : -barHeight - 0.5), barHeight);
        setAttribute(bar.firstChild, "fill", grad[i] ? color : "none");
      });
    });
  }

  #drawBar(bar, run, coordinate, step, top, height) {
    const [dot, rect, text] = bar.children;
    const reason = missingRateReason(run, coordinate, step);
    setAttribute(rect, "y", top);
    setAttribute(rect, "height", height);
    setAttribute(rect, "width", reason ? 0 : Math.max(0, this.x.scale(run.rates[coordinate][step - 1])));
    setAttribute(dot, "cy", top + height / 2);
    setAttribute(text, "y", top + height - 1.5);
    setText(text, reason);
  }

  /** Shows how many of the batches so far contain each feature. */
  #drawLegend(problem, step) {
    let numActive = 0;
    for (let i = 0; i < step; i++) numActive += problem.isActive(i);
    const inThisBatch = !step ? "" : problem.isActive(step - 1) ? ", in this one too" : ", not in this one";
    setText(this.legendTexts[0].node(), `dense: in ${step} of ${step} batches`);
    setText(this.legendTexts[1].node(), `sparse: in ${numActive} of ${step} batches${inThisBatch}`);
  }
}

/** Returns the gradient that a run used at a step: zeros before the first step and after divergence. */
function gradientAt(problem, { params, divergedAt }, step) {
  const grad = [0, 0];
  if (step > 0 && (divergedAt < 0 || step <= divergedAt)) problem.gradient(params[0][step - 1], params[1][step - 1], step - 1, grad);
  return grad;
}
