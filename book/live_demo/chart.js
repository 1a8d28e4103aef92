// The parts that all charts share: SVG, axes, and paths with few points.
import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear, scaleLog } from "d3-scale";
import { formatNumber } from "./text.js";

// Lengths are in units of the SVG.
export const WIDTH = 360; // On a phone a unit is about a pixel.
const MAX_TICKS = 7;
const MIN_DISTANCE = 0.6; // between two points of a path
const MAX_POSITION = 5000; // Browsers draw paths with larger numbers wrongly.

/** Adds an SVG with a plot area inside margins. `role` is "group" if the chart contains a control. */
export function addChart(parent, { type, height, margin, label, role = "img" }) {
  const svg = parent
    .append("svg")
    .attr("class", `chart ${type}`)
    .attr("viewBox", `0 0 ${WIDTH} ${height}`)
    .attr("role", role)
    .attr("aria-label", label);
  const plot = svg.append("g").attr("transform", `translate(${margin.left},${margin.top})`);
  return { svg, plot, width: WIDTH - margin.left - margin.right, height: height - margin.top - margin.bottom };
}

/** Returns the domain of a log axis: the powers of ten around two values. */
export const decadeDomain = (low, high) => [10 ** Math.floor(Math.log10(low) + 1e-9), 10 ** Math.ceil(Math.log10(high) - 1e-9)];

/** An axis with grid lines. It is drawn again only if its domain changes, because drawing it is slow. */
export class Axis {
  constructor(plot, { side, length, gridLength, title, log = false }) {
    this.log = log;
    this.scale = (log ? scaleLog() : scaleLinear()).range(side === "left" ? [length, 0] : [0, length]);
    this.axis = (side === "left" ? axisLeft : axisBottom)(this.scale).tickSize(-gridLength).tickPadding(6);
    this.group = plot.append("g").attr("class", "axis");
    if (side === "bottom") this.group.attr("transform", `translate(0,${gridLength})`);
    const text = this.group.append("text").attr("class", "axis-title").text(title);
    if (side === "left") text.attr("transform", "rotate(-90)").attr("x", -length / 2).attr("y", -34);
    else text.attr("x", length / 2).attr("y", 32);
  }

  draw(domain) {
    if (this.key === domain.join()) return;
    this.key = domain.join();
    this.scale.domain(domain);
    if (this.log) {
      const [first, last] = domain.map((end) => Math.round(Math.log10(end)));
      const step = Math.ceil((last - first + 1) / MAX_TICKS);
      const powers = Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => Number(`1e${first + i * step}`));
      this.axis.tickValues(powers).tickFormat((value) => formatNumber(value));
    } else {
      this.axis.ticks(5).tickFormat((value) => value.toLocaleString("en").replace("-", "−"));
    }
    this.group.call(this.axis);
    // d3 sets a font. Without it the CSS of the page applies.
    this.group.attr("font-family", null).attr("font-size", null);
  }
}

/**
 * Returns the indices of the points to draw: the extremes of each bin, so that no spike is lost (min–max downsampling).
 * @param {Float64Array[]} coordinates
 * @param {number} last the index of the last point
 */
export function downsample(coordinates, last, numBins) {
  const binSize = (last + 1) / numBins;
  if (binSize <= 2 * coordinates.length) return Array.from({ length: last + 1 }, (_, i) => i);
  const kept = new Set([0]);
  for (let bin = 0; bin < numBins; bin++) {
    const from = Math.floor(bin * binSize);
    const to = Math.floor((bin + 1) * binSize);
    const extremes = [];
    for (const values of coordinates) {
      let low = from;
      let high = from;
      for (let i = from + 1; i < to; i++) {
        if (values[i] < values[low] || Number.isNaN(values[low])) low = i;
        if (values[i] > values[high] || Number.isNaN(values[high])) high = i;
      }
      extremes.push(low, high);
    }
    for (const i of extremes.sort((a, b) => a - b)) kept.add(i);
  }
  return [...kept.add(last)];
}

const toPathNumber = (position) => Math.round(10 * Math.max(-MAX_POSITION, Math.min(MAX_POSITION, position))) / 10;

/** Returns the path data through some points of a curve. It skips points near the previous one, and has gaps where y is NaN. */
export function linePath(points, xAt, yAt) {
  let path = "";
  let [lastX, lastY] = [NaN, NaN];
  for (const i of points) {
    const x = toPathNumber(xAt(i));
    const y = toPathNumber(yAt(i));
    if (Math.abs(x - lastX) < MIN_DISTANCE && Math.abs(y - lastY) < MIN_DISTANCE) continue;
    if (!Number.isNaN(y)) path += (Number.isNaN(lastY) ? "M" : "L") + x + "," + y;
    [lastX, lastY] = [x, y];
  }
  return path;
}

const round = (value) => Math.round(100 * value) / 100;

export const translate = (x, y) => `translate(${round(x)},${round(y)})`;

/** Sets an attribute if it changes: each write costs the browser a new layout or paint. Rounds numbers to two decimals. */
export function setAttribute(element, name, value) {
  const text = String(typeof value === "number" ? round(value) : value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Sets the text if it changes. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
