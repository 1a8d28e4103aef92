// What the panels share: a drawing with axes, and curves of few points.
import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear, scaleLog } from "d3-scale";
import { short } from "./words.js";

export const WIDTH = 360; // of every panel, in its own units; on a phone these are nearly pixels
const MOST_TICKS = 7;
const APART = 0.6; // in a panel's units: two points nearer than that are one
const FAR = 5000; // in a panel's units: farther out a point is not to be seen, and large numbers break paths

/** Adds an SVG with a plot area inside margins. `role` is "img", or "group" if there are controls in it. */
export function addPanel(parent, { kind, height, margin, label, role = "img" }) {
  const svg = parent
    .append("svg")
    .attr("class", `panel ${kind}`)
    .attr("viewBox", `0 0 ${WIDTH} ${height}`)
    .attr("role", role)
    .attr("aria-label", label);
  const plot = svg.append("g").attr("transform", `translate(${margin.left},${margin.top})`);
  return { svg, plot, width: WIDTH - margin.left - margin.right, height: height - margin.top - margin.bottom };
}

/** The decades that hold both values, as the domain of a log axis. */
export const decades = (low, high) => [10 ** Math.floor(Math.log10(low) + 1e-9), 10 ** Math.ceil(Math.log10(high) - 1e-9)];

/** An axis with a grid over the plot, drawn again only when its domain changes. */
export class Axis {
  constructor(plot, { side, size, across, title, log = false }) {
    this.log = log;
    this.scale = (log ? scaleLog() : scaleLinear()).range(side === "left" ? [size, 0] : [0, size]);
    this.axis = (side === "left" ? axisLeft : axisBottom)(this.scale).tickSize(-across).tickPadding(6);
    this.group = plot.append("g").attr("class", "axis");
    if (side === "bottom") this.group.attr("transform", `translate(0,${across})`);
    const text = this.group.append("text").attr("class", "axis-title").text(title);
    if (side === "left") text.attr("transform", "rotate(-90)").attr("x", -size / 2).attr("y", -34);
    else text.attr("x", size / 2).attr("y", 32);
  }

  draw(domain) {
    const [low, high] = this.scale.domain();
    if (this.drawn && low === domain[0] && high === domain[1]) return;
    this.drawn = true;
    this.scale.domain(domain);
    if (this.log) {
      const [first, last] = domain.map((end) => Math.round(Math.log10(end)));
      const every = Math.ceil((last - first + 1) / MOST_TICKS);
      const powers = Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => Number(`1e${first + i * every}`));
      this.axis.tickValues(powers).tickFormat((value) => short(value));
    } else {
      this.axis.ticks(5).tickFormat((value) => value.toLocaleString("en").replace("-", "−"));
    }
    this.group.call(this.axis);
    // d3 gives every axis a font; this one has the page's.
    this.group.attr("font-family", null).attr("font-size", null);
  }
}

/**
 * The points that say what a curve of many points says: the extremes of equal stretches, so that no spike is lost.
 * @param {Float64Array[]} coordinates what moves along the curve
 * @param {number} last the last point that is there
 */
export function turningPoints(coordinates, last, stretches) {
  const length = (last + 1) / stretches;
  if (length <= 2 * coordinates.length) return Array.from({ length: last + 1 }, (_, i) => i);
  const kept = new Set([0]);
  for (let stretch = 0; stretch < stretches; stretch++) {
    const from = Math.floor(stretch * length);
    const to = Math.floor((stretch + 1) * length);
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
    for (const i of extremes.sort((one, other) => one - other)) kept.add(i);
  }
  return [...kept.add(last)];
}

/** A position as a path has it. */
const inReach = (position) => Math.round(10 * Math.max(-FAR, Math.min(FAR, position))) / 10;

/**
 * Makes the path through some of a curve's points. It leaves out those that nobody could tell from the one before, and
 * has gaps where there is no point.
 */
export function pathThrough(points, xAt, yAt) {
  let path = "";
  let [lastX, lastY] = [NaN, NaN];
  for (const i of points) {
    const x = inReach(xAt(i));
    const y = inReach(yAt(i));
    if (Math.abs(x - lastX) < APART && Math.abs(y - lastY) < APART) continue;
    if (!Number.isNaN(y)) path += (Number.isNaN(lastY) ? "M" : "L") + x + "," + y;
    [lastX, lastY] = [x, y];
  }
  return path;
}

/** A number as an attribute has it: no longer than can be seen. */
const rounded = (value) => Math.round(100 * value) / 100;

/** The transform to a place. */
export const translate = (x, y) => `translate(${rounded(x)},${rounded(y)})`;

/** Sets an attribute, numbers to two decimals, only if it changes: each change makes the browser work. */
export function put(element, attribute, value) {
  const text = String(typeof value === "number" ? rounded(value) : value);
  if (element.getAttribute(attribute) !== text) element.setAttribute(attribute, text);
}

export function putText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
