// Makes the demo of a page interactive.
//
// computation  problem, optimizers, trajectory: the same as in adaptive_optim; simulation: all runs of a state
// state        settings; link: the state in a URL; presets.json
// drawing      demo: all parts together; controls; chart and contour_plot, bar_chart, line_chart
// text         text, step_table, python
//
// To add a preset, add it to presets.json, and add a measurement to book/live_demo.md that confirms its description.
import { setAttribute, setText } from "./chart.js";
import { Demo, HINT } from "./demo.js";
import { PRESETS, parseFragment, presetState, toFragment } from "./link.js";
import { decodeDraws } from "./problem.js";
import { SETTINGS } from "./settings.js";

const DEBOUNCE_DELAY = 400; // ms
const REDUCED_MOTION_INTERVAL = 500; // ms between two frames of playback
const MAX_INVALID_PARTS = 5;
const MAX_PART_LENGTH = 40;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Limits calls of a function to one per frame. The first call is immediate, so that the browser paints it in the next frame. */
function oncePerFrame(callback) {
  let isWaiting = false;
  let isRequested = false;
  const request = () => {
    isRequested = isWaiting;
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      if (isRequested) request();
    });
    callback();
  };
  return request;
}

/** Delays a function until there are no more calls for a while. `flush` calls it at once. */
function debounce(callback) {
  let timer;
  const request = () => {
    clearTimeout(timer);
    timer = setTimeout(callback, DEBOUNCE_DELAY);
  };
  request.flush = () => {
    clearTimeout(timer);
    callback();
  };
  return request;
}

/**
 * Highlights the optimizer under the pointer or with the keyboard focus in all parts of the demo.
 * Returns a function to call after a change of the state.
 */
function highlightOptimizers(demo) {
  let requested;
  let highlighted;
  const highlight = (name) => {
    requested = name;
    update();
  };
  const update = () => {
    const name = demo.state.shown.includes(requested) ? requested : undefined;
    if (name === highlighted) return;
    highlighted = name;
    demo.element.toggleAttribute("data-highlighted", Boolean(name));
    for (const part of demo.element.querySelectorAll("[data-optimizer]")) {
      part.classList.toggle("highlighted", part.dataset.optimizer === name);
    }
  };
  const optimizerOf = (element) => element.closest("[data-optimizer]")?.dataset.optimizer;
  // A mouse click also moves the focus. It must not highlight after the pointer has left.
  const focused = () => (document.activeElement.matches(":focus-visible") ? optimizerOf(document.activeElement) : undefined);
  demo.element.addEventListener("pointermove", ({ target, clientX, clientY, pointerType }) => {
    if (pointerType === "touch") return;
    // All paths begin at the start, so none of them is the nearest there.
    if (target.closest(".start")) highlight(undefined);
    else if (target.closest(".contour-plot")) highlight(optimizerOf(target) ?? demo.contourPlot.findNearest(clientX, clientY));
    else highlight(optimizerOf(target) ?? focused());
  });
  demo.element.addEventListener("pointerleave", () => highlight(focused()));
  demo.element.addEventListener("focusin", () => highlight(focused()));
  demo.element.addEventListener("focusout", () => highlight(undefined));
  return update;
}

/** Advances the step at the selected speed. */
class Player {
  constructor(demo) {
    this.demo = demo;
  }

  get isPlaying() {
    return this.frame !== undefined;
  }

  toggle() {
    if (this.isPlaying) this.stop();
    else this.#start();
  }

  stop() {
    if (!this.isPlaying) return;
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    this.demo.playButton.text("Play");
    this.demo.onStateChange();
  }

  #start() {
    const { demo } = this;
    if (demo.step >= demo.state.num_steps) demo.setState({ step: 0 });
    demo.playButton.text("Pause");
    let last = performance.now();
    const tick = (now) => {
      last = Math.max(last, now - 2 * REDUCED_MOTION_INTERVAL); // Does not catch up after the page was hidden.
      const numSteps = Math.floor(((now - last) / 1000) * demo.state.speed);
      if (numSteps >= 1 && (!reducedMotion.matches || now - last >= REDUCED_MOTION_INTERVAL)) {
        last = reducedMotion.matches ? now : last + (numSteps / demo.state.speed) * 1000;
        demo.setState({ step: Math.min(demo.step + numSteps, demo.state.num_steps) });
      }
      if (demo.step >= demo.state.num_steps) this.stop();
      else this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }
}

/** Adds the keys for playback. Playback stops when the reader changes the step. */
function addPlaybackKeys(demo, player) {
  demo.element.addEventListener("input", ({ target }) => target.closest(".control-step") && player.stop());
  demo.element.addEventListener("click", ({ target }) => target.matches(".back, .forward") && player.stop());
  demo.element.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { target, key } = event;
    // These elements use the keys themselves.
    const usesText = target.matches("select, textarea");
    const usesSpace = usesText || target.matches("button, summary, a, input[type=checkbox]");
    if (key === " " && !usesSpace) event.repeat || player.toggle();
    else if (key === "," && !usesText) demo.element.querySelector("button.back").click();
    else if (key === "." && !usesText) demo.element.querySelector("button.forward").click();
    else return;
    event.preventDefault();
  });
}

/** Tells whether the fragment is the id of an element, such as a heading, and not a state. */
function isElementLink() {
  try {
    return location.hash.length > 1 && Boolean(document.getElementById(decodeURIComponent(location.hash.slice(1))));
  } catch {
    return false; // The fragment is not valid percent-encoding.
  }
}

/** Keeps the URL and the state in sync. Links carry the state, and the back button returns from a preset. */
class UrlSync {
  constructor(demo) {
    this.demo = demo;
    this.writeLater = debounce(() => this.#write("replaceState"));
  }

  #write(method) {
    const fragment = toFragment(this.demo.state, this.preset);
    if (fragment !== location.hash.slice(1)) history[method](null, "", fragment ? `#${fragment}` : location.pathname + location.search);
  }

  read() {
    if (isElementLink()) return;
    const { state, preset, invalid } = parseFragment(location.hash);
    this.demo.invalidLink.attr("hidden", invalid.length ? null : "").text(invalid.length ? describeInvalid(invalid) : "");
    this.preset = preset;
    this.demo.setState(state);
  }

  /** Opens a state as a new entry of the browser's history. */
  open(state, preset) {
    this.writeLater.flush();
    this.preset = preset;
    this.demo.setState(state);
    this.#write("pushState");
  }

  /** Shows the description of the preset, and whether the state has changed since it was opened. */
  updateDescription() {
    const { preset, demo } = this;
    const isUnchanged = Boolean(preset) && isPresetState(demo.state, preset);
    const text = preset ? (isUnchanged ? "" : "As it opened: ") + PRESETS[preset].description : HINT;
    setText(demo.description.classed("hint", !preset).node(), text);
    for (const button of demo.presetButtons) {
      setAttribute(button.node(), "aria-pressed", isUnchanged && button.attr("data-preset") === preset);
    }
  }
}

/** Tells whether a state is that of a preset. View settings other than the step may differ. */
function isPresetState(state, preset) {
  const viewSettings = Object.keys(SETTINGS).filter((name) => SETTINGS[name].viewOnly && name !== "step");
  const view = Object.fromEntries(viewSettings.map((name) => [name, state[name]]));
  return toFragment({ ...presetState(preset), ...view }) === toFragment(state);
}

function describeInvalid(parts) {
  const shown = parts
    .slice(0, MAX_INVALID_PARTS)
    .map((part) => (part.length > MAX_PART_LENGTH ? `${part.slice(0, MAX_PART_LENGTH)}…` : part))
    .join(", ");
  const rest = parts.length > MAX_INVALID_PARTS ? ` and ${parts.length - MAX_INVALID_PARTS} more` : "";
  return `The link has parts that are not valid. They were ignored: ${shown}${rest}.`;
}

/** Copies a text. Without access to the clipboard, shows the text for copying by hand. */
async function copy(demo, text, what) {
  try {
    await navigator.clipboard.writeText(text);
    demo.copyStatus.text(`${what} copied.`);
  } catch {
    demo.copyText.attr("hidden", null).attr("rows", text.split("\n").length).property("value", text);
    demo.copyText.node().focus({ preventScroll: true });
    demo.copyText.node().select();
    demo.copyStatus.text("The browser does not allow access to the clipboard. Copy the text below.");
  }
}

/** Removes the message about a copy, which is outdated after a change of the state. */
function clearCopy(demo) {
  if (!demo.copyStatus.text()) return;
  demo.copyStatus.text("");
  demo.copyText.attr("hidden", "");
}

function makeInteractive(demo) {
  const draw = oncePerFrame(() => demo.draw());
  const updateHighlight = highlightOptimizers(demo);
  const announce = debounce(() => demo.announcement.text(demo.summary));
  addEventListener("beforeprint", announce.flush);
  demo.contourPlot.makeStartMovable(() => demo.state, demo.setState);
  if (demo.compact) {
    demo.onStateChange = () => {
      draw();
      updateHighlight();
      announce();
    };
    return;
  }

  const player = new Player(demo);
  const url = new UrlSync(demo);
  // The first state comes from the URL. It is not announced and not written back.
  demo.onStateChange = draw;
  url.read();
  url.updateDescription();
  demo.onStateChange = () => {
    draw();
    updateHighlight();
    url.updateDescription();
    clearCopy(demo);
    if (player.isPlaying) return;
    url.writeLater();
    announce();
  };
  addEventListener("popstate", () => {
    player.stop();
    url.read();
  });
  // On a small screen the changed charts may be far from the button or link of a preset.
  const scrollToDescription = () => demo.description.node().scrollIntoView({ block: "nearest" });
  document.addEventListener("click", ({ target }) => {
    if (target.closest('a[href^="#preset="]')) scrollToDescription();
  });
  demo.onOpen = (state, preset) => {
    player.stop();
    url.open(state, preset);
    if (preset) scrollToDescription();
  };
  demo.onPlay = () => player.toggle();
  demo.onCopyLink = () => {
    url.writeLater.flush();
    copy(demo, location.href, "Link");
  };
  demo.onCopyPython = () => copy(demo, demo.python, "Python script");
  addPlaybackKeys(demo, player);
  const charts = demo.element.querySelector(".charts");
  charts.tabIndex = 0;
  charts.setAttribute("role", "region");
  charts.setAttribute("aria-label", "Charts. Space plays and pauses, comma and full stop step back and forward");
}

/** Builds the demo off-screen, in short tasks that do not block the page, and then replaces the static charts. */
async function main() {
  const { chartOptions, seeds } = window.liveDemoData;
  const placeholder = document.querySelector(".live-demo");
  const element = placeholder.cloneNode(false);
  const demo = new Demo(element, chartOptions, seeds.map(decodeDraws), element.classList.contains("compact"));
  for (const _ of demo.build()) await new Promise((resolve) => setTimeout(resolve));
  placeholder.replaceWith(element);
  makeInteractive(demo);
  element.toggleAttribute("data-live", true);
}

main();
