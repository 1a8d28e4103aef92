// The parameter space: contours of the full loss, the minimum, and where the optimizers went.
import { Axis, WIDTH, addPanel, pathThrough, put, putText, translate, turningPoints } from "./panel.js";

// One unit is as long on both axes, or turned ellipses would not be level lines.
const MARGIN = { left: 46, right: 8, top: 8, bottom: 46 };
const STRETCHES = 40; // of a path, with at most four points each
const NEAR = 12; // from a path, in the panel's units: it is meant
const STEP = 0.05; // of the start, by an arrow key
const HEADS = { there: "M-5,0A5,5 0 1 1 5,0A5,5 0 1 1 -5,0Z", outside: "M-4,-6L7,0L-4,6Z", diverged: "M-5,-5L5,5M-5,5L5,-5" };

export class Space {
  constructor(parent, { optimizers, window, levels, id }) {
    const { svg, plot, width, height } = addPanel(parent, {
      kind: "space",
      height: WIDTH,
      margin: MARGIN,
      label: "Paths of the optimizers over contours of the full loss",
      role: "group",
    });
    Object.assign(this, { svg, plot, width, height, window, levels });
    svg
      .append("clipPath")
      .attr("id", `${id}-plot`)
      .append("rect")
      .attr("width", width)
      .attr("height", height);
    const inside = plot.append("g").attr("clip-path", `url(#${id}-plot)`);
    // Circles in a group that is stretched: all level lines have one shape.
    this.contours = inside.append("g");
    this.contours
      .selectAll("circle")
      .data([...levels].reverse())
      .join("circle")
      .attr("class", "contour")
      .attr("r", (level) => Math.sqrt(2 * level).toFixed(4));
    this.x = new Axis(plot, { side: "bottom", size: width, across: height, title: "θ₁ (dense)" });
    this.y = new Axis(plot, { side: "left", size: height, across: width, title: "θ₂ (sparse)" });
    this.x.draw(window);
    this.y.draw(window);
    const own = (selection) => selection.attr("data-optimizer", ({ name }) => name);
    const over = plot.append("g").attr("clip-path", `url(#${id}-plot)`);
    this.paths = over
      .selectAll("path")
      .data(optimizers)
      .join("path")
      .call(own)
      .attr("class", "path")
      .attr("stroke", ({ color }) => color)
      .attr("stroke-dasharray", ({ dashes }) => dashes);
    this.minimum = over.append("path").attr("class", "minimum").attr("d", "M-7,0H7M0,-7V7");
    this.heads = plot
      .append("g")
      .selectAll("path")
      .data(optimizers)
      .join("path")
      .call(own)
      .attr("class", "head")
      .attr("color", ({ color }) => color);
    this.notes = plot.append("g").selectAll("text").data(optimizers).join("text").call(own).attr("class", "remark").attr("x", 6);
    this.start = plot.append("g").attr("class", "start");
    this.start.append("circle").attr("class", "grip").attr("r", 14);
    this.start.append("circle").attr("class", "ring").attr("r", 7);
  }

  draw({ problem, runs, state, step }) {
    const x = this.x.scale;
    const y = this.y.scale;
    const [a, b] = problem.minimum;
    const { half, degrees } = problem.ellipse();
    const unit = x(1) - x(0);
    const shape = `${translate(x(a), y(b))} rotate(${-degrees.toFixed(2)}) scale(${half.map((axis) => (axis * unit).toFixed(2))})`;
    put(this.contours.node(), "transform", shape);
    put(this.minimum.node(), "transform", translate(x(a), y(b)));
    const start = this.start.node();
    put(start, "transform", translate(x(state.theta1), y(state.theta2)));
    this.#sayStart(state);

    const byName = new Map(runs.map((run) => [run.name, run]));
    const space = this;
    this.points = new Map();
    let notes = 0;
    this.paths.each(function ({ name }) {
      const run = byName.get(name);
      const last = run && lastSeen(run, step);
      const kept = run ? turningPoints(run.params, last, STRETCHES) : [];
      if (run) space.points.set(name, kept.map((i) => [x(run.params[0][i]), y(run.params[1][i])]));
      put(this, "d", run ? pathThrough(kept, (i) => x(run.params[0][i]), (i) => y(run.params[1][i])) : "");
    });
    this.heads.each(function ({ name }) {
      const run = byName.get(name);
      this.toggleAttribute("hidden", !run);
      if (run) space.#placeHead(this, run, step);
    });
    this.notes.each(function ({ name }) {
      const run = byName.get(name);
      const note = run ? space.#note(run, step) : "";
      putText(this, note);
      if (note) put(this, "y", 16 + 15 * notes++);
    });
  }

  #placeHead(head, run, step) {
    const at = lastSeen(run, step);
    const [px, py] = [this.x.scale(run.params[0][at]), this.y.scale(run.params[1][at])];
    const [cx, cy] = [Math.max(0, Math.min(this.width, px)), Math.max(0, Math.min(this.height, py))];
    const kind = at < step ? "diverged" : px !== cx || py !== cy ? "outside" : "there";
    const turn = kind === "outside" ? (Math.atan2(py - cy, px - cx) * 180) / Math.PI : 0;
    put(head, "d", HEADS[kind]);
    put(head, "data-is", kind);
    put(head, "transform", `${translate(cx, cy)} rotate(${Math.round(turn)})`);
  }

  #note(run, step) {
    if (lastSeen(run, step) < step) return `${run.name} diverged at step ${run.divergedAt + 1}`;
    const outside = run.params.some((values) => values[step] < this.window[0] || values[step] > this.window[1]);
    return outside ? `${run.name} has left the picture` : "";
  }

  /** A place of the browser's window in the units of the plot. */
  #inPlot(clientX, clientY) {
    const box = this.svg.node().getBoundingClientRect();
    const size = WIDTH / box.width;
    return [(clientX - box.left) * size - MARGIN.left, (clientY - box.top) * size - MARGIN.top];
  }

  /** The optimizer whose path is near a place of the browser's window. */
  nearest(clientX, clientY) {
    const [px, py] = this.#inPlot(clientX, clientY);
    let found;
    let least = NEAR;
    for (const [name, points] of this.points) {
      for (let i = 0; i < points.length; i++) {
        const distance = fromSegment([px, py], points[Math.max(0, i - 1)], points[i]);
        if (distance < least) [found, least] = [name, distance];
      }
    }
    return found;
  }

  /**
   * Lets the reader move the start by mouse, touch and arrow keys.
   * @param {() => { theta1: number, theta2: number }} where
   * @param {(start: { theta1: number, theta2: number }) => void} move
   */
  letMoveStart(where, move) {
    const inWindow = (value) => Math.round(100 * Math.max(this.window[0], Math.min(this.window[1], value))) / 100;
    const to = (theta1, theta2) => move({ theta1: inWindow(theta1), theta2: inWindow(theta2) });
    const ways = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    let grip; // where it was taken, from its middle
    this.start
      .attr("tabindex", 0)
      .attr("role", "slider")
      .attr("aria-label", "Start of all paths: arrow keys move it")
      .attr("aria-valuemin", this.window[0])
      .attr("aria-valuemax", this.window[1])
      // Or the page would scroll away under the finger.
      .on("touchstart", (event) => event.preventDefault(), { passive: false })
      .on("pointerdown", ({ currentTarget, pointerId, button, clientX, clientY }) => {
        if (button) return;
        currentTarget.setPointerCapture(pointerId);
        const [x, y] = this.#inPlot(clientX, clientY);
        const { theta1, theta2 } = where();
        grip = [x - this.x.scale(theta1), y - this.y.scale(theta2)];
      })
      .on("pointermove", ({ currentTarget, pointerId, clientX, clientY }) => {
        if (!currentTarget.hasPointerCapture(pointerId)) return;
        const [x, y] = this.#inPlot(clientX, clientY);
        to(this.x.scale.invert(x - grip[0]), this.y.scale.invert(y - grip[1]));
      })
      .on("keydown", (event) => {
        const way = ways[event.key];
        if (!way) return;
        event.preventDefault();
        const { theta1, theta2 } = where();
        to(theta1 + way[0], theta2 + way[1]);
      });
    this.#sayStart(where());
  }

  #sayStart({ theta1, theta2 }) {
    const start = this.start.node();
    // In a picture it is no slider.
    if (!start.hasAttribute("role")) return;
    put(start, "aria-valuenow", theta1);
    put(start, "aria-valuetext", `θ₁ ${theta1}, θ₂ ${theta2}`);
  }
}

/** The last point of a run that is there at a step. */
const lastSeen = ({ divergedAt }, step) => (divergedAt >= 0 ? Math.min(step, divergedAt) : step);

function fromSegment([px, py], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = dx || dy ? Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy))) : 0;
  return Math.hypot(px - ax - along * dx, py - ay - along * dy);
}
