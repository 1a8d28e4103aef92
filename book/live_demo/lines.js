// Curves against the step, on a log axis, with a cursor at the current step.
import { Axis, addPanel, decades, pathThrough, put, translate, turningPoints } from "./panel.js";

const MARGIN = { left: 56, right: 20, top: 24, bottom: 36 };
const STRETCHES = 75; // of a curve, with at most two points each

export class Lines {
  constructor(parent, { optimizers, id, kind, height, title, label }) {
    const { svg, plot, width, height: tall } = addPanel(parent, { kind, height, margin: MARGIN, label });
    Object.assign(this, { width });
    svg.append("clipPath").attr("id", `${id}-${kind}`).append("rect").attr("width", width).attr("height", tall);
    svg.append("text").attr("class", "heading").attr("x", 1).attr("y", 12).text(title);
    this.x = new Axis(plot, { side: "bottom", size: width, across: tall, title: "step" });
    this.y = new Axis(plot, { side: "left", size: tall, across: width, title: "", log: true });
    const inside = plot.append("g").attr("clip-path", `url(#${id}-${kind})`);
    this.paths = inside
      .selectAll("path")
      .data(optimizers)
      .join("path")
      .attr("class", "path")
      .attr("data-optimizer", ({ name }) => name)
      .attr("stroke", ({ color }) => color)
      .attr("stroke-dasharray", ({ dashes }) => dashes);
    this.cursor = plot.append("line").attr("class", "cursor").attr("y2", tall);
  }

  /**
   * @param {{ name: string, values: Float64Array }[]} curves
   * @param {number} first the step of the first value
   * @param {unknown} key what the curves depend on: the same key, the same curves
   */
  draw({ curves, first, key, domain, numSteps, step }) {
    const at = this.x.scale;
    put(this.cursor.node(), "transform", translate(this.width * (step / numSteps), 0));
    if (this.key === key) return;
    this.key = key;
    this.x.draw([0, numSteps]);
    this.y.draw(domain);
    const y = this.y.scale;
    const byName = new Map(curves.map(({ name, values }) => [name, values]));
    this.paths.each(function ({ name }) {
      const values = byName.get(name);
      // What is lower than the axis reaches runs along its foot.
      const height = (i) => (values[i] < domain[0] ? y(domain[0]) : y(values[i]));
      const kept = values ? turningPoints([values], values.length - 1, STRETCHES) : [];
      put(this, "d", values ? pathThrough(kept, (i) => at(i + first), height) : "");
    });
  }
}

/** The decades of an axis that shows where the losses begin and where they settle. */
export function lossDomain(runs) {
  let [lowest, highest] = [1e-3, 1];
  for (const { losses, divergedAt } of runs) {
    const last = losses[divergedAt >= 0 ? divergedAt : losses.length - 1];
    lowest = Math.min(lowest, Math.max(last, 1e-9));
    for (let i = 0; i < losses.length; i++) if (losses[i] > highest) highest = losses[i];
  }
  return decades(lowest, Math.min(highest, 1e6));
}

/** The decades of an axis for rates, without the few that are far off. */
export function rateDomain(runs) {
  const seen = [];
  for (const { rates } of runs) {
    for (const values of rates) {
      const every = Math.ceil(values.length / 200);
      for (let i = 0; i < values.length; i += every) if (values[i] > 0) seen.push(values[i]);
    }
  }
  seen.sort((one, other) => one - other);
  const quantile = (share) => Math.log10(seen[Math.round(share * (seen.length - 1))] ?? 0.1);
  return [10 ** Math.floor(quantile(0.005)), 10 ** Math.max(Math.ceil(quantile(0.995)), Math.floor(quantile(0.005)) + 1)];
}
