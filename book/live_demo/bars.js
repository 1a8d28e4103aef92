// The effective learning rates at one step: two bars for each optimizer, on a log axis.
import { Axis, addPanel, decades, put, putText } from "./panel.js";
import { adagradSums, ratio, ratioText, whyNoRate } from "./words.js";

const HEIGHT = 270;
const MARGIN = { left: 84, right: 46, top: 44, bottom: 58 };
const USUAL = [0.001, 1]; // the axis, unless a rate lies outside
const BAR = 12; // at most
const COORDINATES = ["dense", "sparse"];

export class Bars {
  constructor(parent, { optimizers, id }) {
    const { svg, plot, width, height } = addPanel(parent, {
      kind: "bars",
      height: HEIGHT,
      margin: MARGIN,
      label: "Bars of the effective learning rate of each optimizer for the dense and the sparse weight",
    });
    Object.assign(this, { width, height });
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
    this.#addKey(svg);
    svg.append("text").attr("class", "heading end").attr("x", MARGIN.left + width + 42).attr("y", 37).text("ratio");
    this.x = new Axis(plot, { side: "bottom", size: width, across: height, title: "effective learning rate (log scale)", log: true });
    this.sums = svg.append("text").attr("class", "sums").attr("x", 1).attr("y", HEIGHT - 5);
    this.rows = plot
      .selectAll(".rates-of")
      .data(optimizers)
      .join("g")
      .attr("class", "rates-of")
      .attr("data-optimizer", ({ name }) => name);
    this.rows
      .append("text")
      .attr("class", "name")
      .attr("x", -14)
      .text(({ name }) => name);
    this.rows.append("text").attr("class", "share").attr("x", width + 42);
    for (const coordinate of COORDINATES) {
      const bar = this.rows.append("g").attr("class", `bar ${coordinate}`);
      bar.append("circle").attr("class", "gradient").attr("cx", -6).attr("r", 2.5).attr("stroke", ({ color }) => color);
      bar
        .append("rect")
        .attr("fill", ({ name, color }) => (coordinate === "dense" ? color : `url(#${id}-${name})`))
        .attr("stroke", ({ color }) => color);
      bar.append("text").attr("class", "why").attr("x", 4);
    }
  }

  #addKey(svg) {
    const key = svg.append("g").attr("class", "key");
    this.counts = COORDINATES.map((coordinate, i) => {
      const line = key.append("g").attr("transform", `translate(0,${14 + 16 * i})`);
      line.append("rect").attr("class", `swatch ${coordinate}`).attr("x", 1).attr("y", -8).attr("width", 16).attr("height", 8);
      line.append("path").attr("d", coordinate === "sparse" ? "M4,0L9,-8M9,0L14,-8" : "").attr("class", "swatch-lines");
      return line.append("text").attr("x", 24);
    });
  }

  draw({ problem, runs, state, step }) {
    const seen = runs.flatMap(({ rates }) => rates.map((values) => values[step - 1])).filter((rate) => rate > 0);
    // A bar needs some length: the axis begins below the least.
    this.x.draw(decades(Math.min(USUAL[0], ...seen.map((rate) => 0.9 * rate)), Math.max(USUAL[1], ...seen)));
    this.#count(problem, step);
    putText(this.sums.node(), adagradSums({ runs, state, step }));
    const byName = new Map(runs.map((run, row) => [run.name, { run, row }]));
    const band = this.height / Math.max(runs.length, 3);
    const bar = Math.min(BAR, band / 2 - 2);
    const bars = this;
    this.rows.each(function ({ name, color }) {
      const found = byName.get(name);
      this.toggleAttribute("hidden", !found);
      if (!found) return;
      const middle = (found.row + 0.5) * band;
      const [label, share, ...both] = this.children;
      put(label, "y", middle + 4);
      put(share, "y", middle + 4);
      const times = ratio(found.run, step);
      putText(share, times > 0 ? `×${ratioText(times)}` : "");
      const grad = gradient(problem, found.run, step);
      both.forEach((group, i) => {
        bars.#drawBar(group, found.run, i, step, middle + (i ? 0.5 : -bar - 0.5), bar);
        put(group.firstChild, "fill", grad[i] ? color : "none");
      });
    });
  }

  #drawBar(group, run, coordinate, step, top, thick) {
    const [dot, rect, text] = group.children;
    const why = whyNoRate(run, coordinate, step);
    const from = this.x.scale.range()[0];
    put(rect, "y", top);
    put(rect, "height", thick);
    put(rect, "width", why ? 0 : Math.max(0, this.x.scale(run.rates[coordinate][step - 1]) - from));
    put(dot, "cy", top + thick / 2);
    put(text, "y", top + thick - 1.5);
    putText(text, why);
  }

  /** How often each feature was in a batch so far. */
  #count(problem, step) {
    let active = 0;
    for (let i = 0; i < step; i++) active += problem.isActive(i);
    const now = !step ? "" : problem.isActive(step - 1) ? ", in this one too" : ", not in this one";
    putText(this.counts[0].node(), `dense: in ${step} of ${step} batches`);
    putText(this.counts[1].node(), `sparse: in ${active} of ${step} batches${now}`);
  }
}

/** The gradient of a run at a step; none before the first and after the last. */
function gradient(problem, { params, divergedAt }, step) {
  const grad = [0, 0];
  if (step > 0 && (divergedAt < 0 || step <= divergedAt)) problem.gradient(params[0][step - 1], params[1][step - 1], step - 1, grad);
  return grad;
}
