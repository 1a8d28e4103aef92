// Brings the live demo of a page to life: input, playing, links.
//
// numbers   problem, optimizers, descent: as in adaptive_optim; runs: all of them for a state
// state     knobs: what can be set; link: the state in an address; presets.json: states that show one thing
// drawing   demo: the parts and what follows from the state; panel, space, bars, lines, controls
// text      words, arithmetic, python
// A new preset goes into presets.json, and what it says is measured in the chapter.
import { Demo, HINT } from "./demo.js";
import { KNOBS } from "./knobs.js";
import { PRESETS, fromFragment, presetState, toFragment } from "./link.js";
import { put, putText } from "./panel.js";
import { readDraws } from "./problem.js";

const SOON = 400; // ms without a change, after which the address and the spoken sentence follow
const SLOW = 500; // ms between the pictures of a play, for readers who want less motion
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * Calls a function at once, but no more than once in a frame: what is asked for in between comes with the next.
 * Drawing at once lets the browser paint in the very next frame.
 */
function onceAFrame(call) {
  let waits = false;
  let again = false;
  const ask = () => {
    if (waits) {
      again = true;
      return;
    }
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      if (!again) return;
      again = false;
      ask();
    });
    call();
  };
  return ask;
}

/** Calls a function once nothing has been asked for a while. */
function whenQuiet(call) {
  let timer;
  const ask = () => {
    clearTimeout(timer);
    timer = setTimeout(call, SOON);
  };
  ask.now = () => {
    clearTimeout(timer);
    call();
  };
  return ask;
}

/** Picks out the optimizer that the reader points at or has the focus on, everywhere in the demo. */
function linkOptimizers(demo) {
  let wanted;
  let lit;
  const light = (name) => {
    wanted = name;
    follow();
  };
  const follow = () => {
    const name = demo.state.shown.includes(wanted) ? wanted : undefined;
    if (name === lit) return;
    lit = name;
    demo.element.toggleAttribute("data-lit", Boolean(name));
    for (const part of demo.element.querySelectorAll("[data-optimizer]")) part.classList.toggle("lit", part.dataset.optimizer === name);
  };
  const ofPart = (target) => target.closest("[data-optimizer]")?.dataset.optimizer;
  // Where a mouse has clicked last is not what it points at now.
  const ofFocus = () => (document.activeElement.matches(":focus-visible") ? ofPart(document.activeElement) : undefined);
  demo.element.addEventListener("pointermove", ({ target, clientX, clientY, pointerType }) => {
    if (pointerType === "touch") return;
    // All paths begin at the start.
    if (target.closest(".start")) light(undefined);
    else light(ofPart(target) ?? (target.closest(".space") ? demo.space.nearest(clientX, clientY) : ofFocus()));
  });
  demo.element.addEventListener("pointerleave", () => light(ofFocus()));
  demo.element.addEventListener("focusin", () => light(ofFocus()));
  demo.element.addEventListener("focusout", () => light(undefined));
  return follow;
}

/** Plays the steps, at the wanted speed. */
class Player {
  constructor(demo) {
    this.demo = demo;
  }

  get playing() {
    return this.timer !== undefined;
  }

  toggle() {
    if (this.playing) return this.stop();
    const { demo } = this;
    if (demo.step >= demo.state.num_steps) demo.set({ step: 0 });
    this.show(true);
    let from = performance.now();
    const tick = (now) => {
      from = Math.max(from, now - 2 * SLOW); // A page that was hidden has not played.
      const due = Math.floor(((now - from) / 1000) * demo.state.speed);
      if (due >= 1 && (!calm.matches || now - from >= SLOW)) {
        from = calm.matches ? now : from + (due / demo.state.speed) * 1000;
        demo.set({ step: Math.min(demo.step + due, demo.state.num_steps) });
      }
      if (demo.step >= demo.state.num_steps) this.stop();
      else this.timer = requestAnimationFrame(tick);
    };
    this.timer = requestAnimationFrame(tick);
  }

  stop() {
    if (!this.playing) return;
    cancelAnimationFrame(this.timer);
    this.timer = undefined;
    this.show(false);
    this.demo.changed();
  }

  show(playing) {
    this.demo.playButton.text(playing ? "Pause" : "Play");
  }
}

/** Keys of the whole demo: a step back, a step forward, play. Who sets the step by hand does not want to play on. */
function listenToSteps(demo, player) {
  demo.element.addEventListener("input", ({ target }) => target.closest(".knob-step") && player.stop());
  demo.element.addEventListener("click", ({ target }) => target.matches(".back, .forward") && player.stop());
  demo.element.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { target } = event;
    const types = target.matches("select, textarea");
    const presses = target.matches("button, summary, a, input[type=checkbox]");
    if (event.key === " " && !types && !presses) event.repeat || player.toggle();
    else if (event.key === "," && !types) demo.element.querySelector("button.back").click();
    else if (event.key === "." && !types) demo.element.querySelector("button.forward").click();
    else return;
    event.preventDefault();
  });
}

/** Whether the address leads to a place on the page, and says nothing of the demo. */
function leadsElsewhere() {
  try {
    return location.hash.length > 1 && Boolean(document.getElementById(decodeURIComponent(location.hash.slice(1))));
  } catch {
    return false; // Nothing that can be decoded.
  }
}

const addressOf = (fragment) => (fragment ? `#${fragment}` : location.pathname + location.search);

/** Keeps state and address alike, so that a link carries the state and the back button takes a preset back. */
class Address {
  constructor(demo) {
    this.demo = demo;
    this.writeSoon = whenQuiet(() => this.write());
  }

  get fragment() {
    return toFragment(this.demo.state, this.preset);
  }

  write() {
    const { fragment } = this;
    if (fragment !== location.hash.slice(1)) history.replaceState(null, "", addressOf(fragment));
  }

  read() {
    if (leadsElsewhere()) return;
    const { state, preset, ignored } = fromFragment(location.hash);
    const shown = ignored.slice(0, 5).map((part) => (part.length > 40 ? `${part.slice(0, 40)}…` : part));
    const rest = ignored.length > shown.length ? ` and ${ignored.length - shown.length} more` : "";
    this.demo.note
      .attr("hidden", ignored.length ? null : "")
      .text(ignored.length ? `Not understood in this link, and left as it was: ${shown.join(", ")}${rest}.` : "");
    this.#enter(state, preset);
  }

  /** Goes to a state from which the back button leads back. */
  go(state, preset) {
    this.writeSoon.now();
    const fragment = toFragment(state, preset);
    if (fragment !== location.hash.slice(1)) history.pushState(null, "", addressOf(fragment));
    this.#enter(state, preset);
  }

  #enter(state, preset) {
    this.preset = preset;
    this.demo.set(state);
  }

  /** Says what the preset shows, and whether the reader has gone on from there. */
  explain() {
    const { preset, demo } = this;
    // To open a fold is not to leave what the preset shows.
    const folds = Object.fromEntries(Object.keys(KNOBS).filter((name) => KNOBS[name].view && name !== "step").map((name) => [name, demo.state[name]]));
    const still = Boolean(preset) && toFragment({ ...presetState(preset), ...folds }) === toFragment(demo.state);
    putText(demo.says.classed("hint", !preset).node(), preset ? (still ? "" : "As it opened: ") + PRESETS[preset].says : HINT);
    for (const button of demo.presetButtons) put(button.node(), "aria-pressed", still && button.attr("data-preset") === preset);
  }
}

/** Copies a text, or offers it where the browser does not let us. */
async function copy(demo, text, what) {
  try {
    await navigator.clipboard.writeText(text);
    demo.copied.text(`${what} copied.`);
  } catch {
    demo.copyText.attr("hidden", null).attr("rows", text.split("\n").length).property("value", text);
    demo.copyText.node().focus({ preventScroll: true });
    demo.copyText.node().select();
    demo.copied.text(`The browser does not let us copy the ${what.toLowerCase()}: take it from here.`);
  }
}

/** What was copied is no longer what is seen. */
function forgetCopy(demo) {
  if (!demo.copied.text()) return;
  demo.copied.text("");
  demo.copyText.attr("hidden", "");
}

function start(demo) {
  const draw = onceAFrame(() => demo.draw());
  const follow = linkOptimizers(demo);
  const speak = whenQuiet(() => demo.spoken.text(demo.sentence));
  addEventListener("beforeprint", speak.now);
  demo.space.letMoveStart(() => demo.state, demo.set);
  demo.changed = () => {
    draw();
    follow();
    speak();
  };
  if (!demo.compact) startRest(demo, draw, follow, speak);
}

/** Everything that the compact demo does without. */
function startRest(demo, draw, follow, speak) {
  const player = new Player(demo);
  const address = new Address(demo);
  demo.changed = draw;
  address.read(); // Nobody has done anything yet: it is not spoken, and the address stays.
  address.explain();
  demo.changed = () => {
    draw();
    follow();
    address.explain();
    forgetCopy(demo);
    if (player.playing) return;
    address.writeSoon();
    speak();
  };
  addEventListener("popstate", () => {
    player.stop();
    address.read();
  });
  demo.play = () => player.toggle();
  // What a preset says and changes may be far above its button or link.
  const come = () => demo.says.node().scrollIntoView({ block: "nearest" });
  demo.show = (state, preset) => {
    player.stop();
    address.go(state, preset);
    if (preset) come();
  };
  demo.copyLink = () => {
    address.writeSoon.now();
    copy(demo, location.href, "Link");
  };
  demo.copyPython = () => copy(demo, demo.python, "Python script");
  listenToSteps(demo, player);
  const stage = demo.element.querySelector(".stage");
  stage.tabIndex = 0;
  stage.setAttribute("role", "region");
  stage.setAttribute("aria-label", "The runs. Space plays and pauses, comma and full stop go a step back and forward");
  document.addEventListener("click", ({ target }) => {
    if (target.closest('a[href^="#preset="]')) come();
  });
}

/** Builds the demo beside its picture, a piece at a time so that the page never waits for it, then puts it there. */
async function begin() {
  const { looks, seeds } = window.liveDemoData;
  const picture = document.querySelector(".live-demo");
  const element = picture.cloneNode(false);
  const demo = new Demo(element, looks, seeds.map(readDraws), element.classList.contains("compact"));
  for (const _ of demo.build()) await new Promise((resolve) => setTimeout(resolve));
  picture.replaceWith(element);
  start(demo);
  element.toggleAttribute("data-live", true);
}

begin();
