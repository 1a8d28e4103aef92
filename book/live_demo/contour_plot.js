// The parameter space: contours of the full loss, its minimum, and the paths of the optimizers.
import { Axis, WIDTH, addChart, downsample, linePath, setAttribute, setText, translate } from "./chart.js";

// Both axes have the same scale, so that a rotated ellipse is a contour.
const MARGIN = { left: 46, right: 8, top: 8, bottom: 46 };
const NUM_BINS = 40; // A path has at most four points per bin.
const MAX_POINTER_DISTANCE = 12; // The pointer highlights a path within this distance, in units of the SVG.
const KEY_STEP = 0.05; // An arrow key moves the start by this distance.
const ARROWS = { ArrowLeft: [-KEY_STEP, 0], ArrowRight: [KEY_STEP, 0], ArrowUp: [0, KEY_STEP], ArrowDown: [0, -KEY_STEP] };
const MARKERS = { inside: "M-5,0A5,5 0 1 1 5,0A5,5 0 1 1 -5,0Z", outside: "M-4,-6L7,0L-4,6Z", diverged: "M-5,-5L5,5M-5,5L5,-5" };

const clamp = (value, [low, high]) => Math.max(low, Math.min(high, value));

export class ContourPlot {
  constructor(parent, { optimizers, window, levels, id }) {
    const { svg, plot, width, height } = addChart(parent, {
      type: "contour-plot",
      height: WIDTH,
      margin: MARGIN,
      label: "Paths of the optimizers over contours of the full loss",
      role: "group",
    });
    Object.assign(this, { svg, width, height, window });
    const withName = (selection) => selection.attr("data-optimizer", ({ name }) => name);
    const addClippedGroup = () => plot.append("g").attr("clip-path", `url(#${id}-plot)`);
    svg
      .append("clipPath")
      .attr("id", `${id}-plot`)
      .append("rect")
      .attr("width", width)
      .attr("height", height);
    // All contours have the same shape: circles, which the transform of their group makes ellipses.
    this.contours = addClippedGroup().append("g");
    this.contours
      .selectAll("circle")
      .data([...levels].reverse())
      .join("circle")
      .attr("class", "contour")
      .attr("r", (level) => Math.sqrt(2 * level).toFixed(4));
    this.x = new Axis(plot, { side: "bottom", length: width, gridLength: height, title: "θ₁ (dense)" });
    this.y = new Axis(plot, { side: "left", length: height, gridLength: width, title: "θ₂ (sparse)" });
    this.x.draw(window);
    this.y.draw(window);
    const foreground = addClippedGroup();
    this.paths = foreground
      .selectAll("path")
      .data(optimizers)
      .join("path")
      .call(withName)
      .attr("class", "path")
      .attr("stroke", ({ color }) => color)
      .attr("stroke-dasharray", ({ dashes }) => dashes);
    this.minimum = foreground.append("path").attr("class", "minimum").attr("d", "M-7,0H7M0,-7V7");
    this.markers = plot
      .append("g")
      .selectAll("path")
      .data(optimizers)
      .join("path")
      .call(withName)
      .attr("class", "marker")
      .attr("color", ({ color }) => color);
    this.annotations = plot.append("g").selectAll("text").data(optimizers).join("text").call(withName).attr("class", "annotation").attr("x", 6);
    this.start = plot.append("g").attr("class", "start");
    this.start.append("circle").attr("class", "hit-area").attr("r", 14);
    this.start.append("circle").attr("class", "ring").attr("r", 7);
  }

  draw({ problem, runs, state, step }) {
    const x = this.x.scale;
    const y = this.y.scale;
    const minimum = translate(x(problem.minimum[0]), y(problem.minimum[1]));
    const { halfAxes, degrees } = problem.ellipse();
    const unit = x(1) - x(0);
    const scale = halfAxes.map((halfAxis) => (halfAxis * unit).toFixed(2));
    setAttribute(this.contours.node(), "transform", `${minimum} rotate(${-degrees.toFixed(2)}) scale(${scale})`);
    setAttribute(this.minimum.node(), "transform", minimum);
    setAttribute(this.start.node(), "transform", translate(x(state.theta1), y(state.theta2)));
    this.#updateAriaValue(state);

    const runByName = new Map(runs.map((run) => [run.name, run]));
    const chart = this;
    this.points = new Map();
    let numAnnotations = 0;
    this.paths.each(function ({ name }) {
      const run = runByName.get(name);
      if (!run) return setAttribute(this, "d", "");
      const xAt = (i) => x(run.params[0][i]);
      const yAt = (i) => y(run.params[1][i]);
      const points = downsample(run.params, lastFiniteStep(run, step), NUM_BINS);
      chart.points.set(name, points.map((i) => [xAt(i), yAt(i)]));
      setAttribute(this, "d", linePath(points, xAt, yAt));
    });
    this.markers.each(function ({ name }) {
      const run = runByName.get(name);
      this.toggleAttribute("hidden", !run);
      if (run) chart.#drawMarker(this, run, step);
    });
    this.annotations.each(function ({ name }) {
      const run = runByName.get(name);
      const text = run ? chart.#annotation(run, step) : "";
      setText(this, text);
      if (text) setAttribute(this, "y", 16 + 15 * numAnnotations++);
    });
  }

  /** Draws where a run is at a step. Outside the plot, an arrow at the edge points there. */
  #drawMarker(marker, run, step) {
    const last = lastFiniteStep(run, step);
    const [x, y] = [this.x.scale(run.params[0][last]), this.y.scale(run.params[1][last])];
    const [edgeX, edgeY] = [clamp(x, [0, this.width]), clamp(y, [0, this.height])];
    const kind = last < step ? "diverged" : x !== edgeX || y !== edgeY ? "outside" : "inside";
    const degrees = kind === "outside" ? (Math.atan2(y - edgeY, x - edgeX) * 180) / Math.PI : 0;
    setAttribute(marker, "d", MARKERS[kind]);
    setAttribute(marker, "data-kind", kind);
    setAttribute(marker, "transform", `${translate(edgeX, edgeY)} rotate(${Math.round(degrees)})`);
  }

  #annotation(run, step) {
    if (lastFiniteStep(run, step) < step) return `${run.name} diverged at step ${run.divergedAt + 1}`;
    const isOutside = run.params.some((values) => values[step] < this.window[0] || values[step] > this.window[1]);
    return isOutside ? `${run.name} is outside the plot` : "";
  }

  /** Converts coordinates of the browser window to those of the plot. */
  #toPlot(clientX, clientY) {
    const box = this.svg.node().getBoundingClientRect();
    const scale = WIDTH / box.width;
    return [(clientX - box.left) * scale - MARGIN.left, (clientY - box.top) * scale - MARGIN.top];
  }

  /** Returns the optimizer whose path is near a point of the browser window. */
  findNearest(clientX, clientY) {
    const point = this.#toPlot(clientX, clientY);
    let nearest;
    let minDistance = MAX_POINTER_DISTANCE;
    for (const [name, points] of this.points) {
      for (let i = 0; i < points.length; i++) {
        const distance = distanceToSegment(point, points[Math.max(0, i - 1)], points[i]);
        if (distance < minDistance) [nearest, minDistance] = [name, distance];
      }
    }
    return nearest;
  }

  /**
   * Lets the reader move the start by mouse, touch and arrow keys.
   * @param {() => { theta1: number, theta2: number }} getStart
   * @param {(start: { theta1: number, theta2: number }) => void} setStart
   */
  makeStartMovable(getStart, setStart) {
    const round = (value) => Math.round(100 * clamp(value, this.window)) / 100;
    const moveTo = (theta1, theta2) => setStart({ theta1: round(theta1), theta2: round(theta2) });
    let offset; // from the center of the ring to the pointer
    this.start
      .attr("tabindex", 0)
      .attr("role", "slider")
      .attr("aria-label", "Start of all paths: arrow keys move it")
      .attr("aria-valuemin", this.window[0])
      .attr("aria-valuemax", this.window[1])
      // Prevents scrolling during a drag.
      .on("touchstart", (event) => event.preventDefault(), { passive: false })
      .on("pointerdown", ({ currentTarget, pointerId, button, clientX, clientY }) => {
        if (button) return;
        currentTarget.setPointerCapture(pointerId);
        const [x, y] = this.#toPlot(clientX, clientY);
        const { theta1, theta2 } = getStart();
        offset = [x - this.x.scale(theta1), y - this.y.scale(theta2)];
      })
      .on("pointermove", ({ currentTarget, pointerId, clientX, clientY }) => {
        if (!currentTarget.hasPointerCapture(pointerId)) return;
        const [x, y] = this.#toPlot(clientX, clientY);
        moveTo(this.x.scale.invert(x - offset[0]), this.y.scale.invert(y - offset[1]));
      })
      .on("keydown", (event) => {
        const arrow = ARROWS[event.key];
        if (!arrow) return;
        event.preventDefault();
        const { theta1, theta2 } = getStart();
        moveTo(theta1 + arrow[0], theta2 + arrow[1]);
      });
    this.#updateAriaValue(getStart());
  }

  #updateAriaValue({ theta1, theta2 }) {
    const start = this.start.node();
    if (!start.hasAttribute("role")) return; // It is not movable in the static chart.
    setAttribute(start, "aria-valuenow", theta1);
    setAttribute(start, "aria-valuetext", `θ₁ ${theta1}, θ₂ ${theta2}`);
  }
}

/** Returns the displayed step, or the last finite one if the run has diverged before it. */
const lastFiniteStep = ({ divergedAt }, step) => (divergedAt >= 0 ? Math.min(step, divergedAt) : step);

function distanceToSegment([px, py], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const fraction = dx || dy ? clamp(((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy), [0, 1]) : 0;
  return Math.hypot(px - ax - fraction * dx, py - ay - fraction * dy);
}
