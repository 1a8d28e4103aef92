// Curves over the steps on a log axis, with a cursor at the displayed step.
import { Axis, addChart, decadeDomain, downsample, linePath, setAttribute, translate } from "./chart.js";

const MARGIN = { left: 56, right: 20, top: 24, bottom: 36 };
const NUM_BINS = 75; // A curve has at most two points per bin.

export class LineChart {
  constructor(parent, { optimizers, id, type, height: totalHeight, title, label }) {
    const { svg, plot, width, height } = addChart(parent, { type, height: totalHeight, margin: MARGIN, label });
    this.width = width;
    svg.append("clipPath").attr("id", `${id}-${type}`).append("rect").attr("width", width).attr("height", height);
    svg.append("text").attr("class", "chart-title").attr("x", 1).attr("y", 12).text(title);
    this.x = new Axis(plot, { side: "bottom", length: width, gridLength: height, title: "step" });
    this.y = new Axis(plot, { side: "left", length: height, gridLength: width, title: "", log: true });
    this.paths = plot
      .append("g")
      .attr("clip-path", `url(#${id}-${type})`)
      .selectAll("path")
      .data(optimizers)
      .join("path")
      .attr("class", "path")
      .attr("data-optimizer", ({ name }) => name)
      .attr("stroke", ({ color }) => color)
      .attr("stroke-dasharray", ({ dashes }) => dashes);
    this.cursor = plot.append("line").attr("class", "cursor").attr("y2", height);
  }

  /**
   * @param {{ name: string, values: Float64Array }[]} curves
   * @param {number} firstStep the step of the first value
   * @param {string} key identifies the curves: they are drawn again only if it changes
   */
  draw({ curves, firstStep, key, domain, numSteps, step }) {
    setAttribute(this.cursor.node(), "transform", translate(this.width * (step / numSteps), 0));
    if (this.key === key) return;
    this.key = key;
    this.x.draw([0, numSteps]);
    this.y.draw(domain);
    const x = this.x.scale;
    const y = this.y.scale;
    const valuesByName = new Map(curves.map(({ name, values }) => [name, values]));
    this.paths.each(function ({ name }) {
      const values = valuesByName.get(name);
      if (!values) return setAttribute(this, "d", "");
      const points = downsample([values], values.length - 1, NUM_BINS);
      // Values below the axis are drawn at its lower end.
      const yAt = (i) => y(values[i] < domain[0] ? domain[0] : values[i]);
      setAttribute(this, "d", linePath(points, (i) => x(i + firstStep), yAt));
    });
  }
}

/** Returns an axis domain from the lowest final loss to the highest loss, within limits. */
export function lossDomain(runs) {
  let [low, high] = [1e-3, 1];
  for (const { losses, divergedAt } of runs) {
    const last = losses[divergedAt >= 0 ? divergedAt : losses.length - 1];
    low = Math.min(low, Math.max(last, 1e-9));
    for (const loss of losses) if (loss > high) high = loss;
  }
  return decadeDomain(low, Math.min(high, 1e6));
}

/** Returns an axis domain for the rates, without outliers. */
export function rateDomain(runs) {
  const sample = [];
  for (const { rates } of runs) {
    for (const values of rates) {
      const stride = Math.ceil(values.length / 200);
      for (let i = 0; i < values.length; i += stride) if (values[i] > 0) sample.push(values[i]);
    }
  }
  sample.sort((a, b) => a - b);
  const exponentAt = (quantile) => Math.log10(sample[Math.round(quantile * (sample.length - 1))] ?? 0.1);
  const first = Math.floor(exponentAt(0.005));
  return [10 ** first, 10 ** Math.max(Math.ceil(exponentAt(0.995)), first + 1)];
}
