// What the reader sets: one control for each knob. Each follows the state, whoever changed it.
import { KNOBS, nearest } from "./knobs.js";
import { knobText } from "./words.js";

/**
 * Remembers what was last shown, so that a control is only touched when its knob has changed.
 * @param {(state: object) => any} read
 * @param {(value: any) => void} show
 */
function following(read, show) {
  let shown;
  return (state) => {
    const value = read(state);
    if (shown === value) return;
    shown = value;
    show(value);
  };
}

const knobOf = (name) => (state) => state[name];

/**
 * A slider through the values of a knob. `own` is a shorter name, for where the rest can be seen; `read` and `last` say
 * what it shows and where it ends, if that depends on more than its knob.
 */
export function addSlider(parent, name, set, { own, read = knobOf(name), last } = {}) {
  const knob = KNOBS[name];
  // No label: that would have two elements with a value in it. The slider has its name itself.
  const box = parent.append("div").attr("class", `knob knob-${name}`);
  const words = box.append("span").attr("class", "words");
  words.append("span").text(own ?? knob.label);
  // Silent: a reader who moves the slider hears its value, and a play is not to be heard step by step.
  const output = words.append("output").attr("aria-live", "off");
  const input = box
    .append("input")
    .attr("type", "range")
    .attr("min", 0)
    .attr("max", knob.values.length - 1)
    .attr("aria-label", knob.label)
    .on("input", (event) => set({ [name]: knob.values[event.currentTarget.valueAsNumber] }));
  const follow = following(read, (value) => {
    const text = knobText(knob, value);
    const index = nearest(knob, value);
    // A slider that stands right is left alone: it may be in the reader's hand.
    if (input.property("valueAsNumber") !== index) input.property("value", index);
    input.attr("value", index).attr("aria-valuetext", text);
    output.text(text);
  });
  if (!last) return follow;
  const bound = (state) => {
    const end = last(state);
    if (Number(input.attr("max")) !== end) input.attr("max", end);
  };
  return (state) => (bound(state), follow(state));
}

/** A list to choose one from. */
export function addChoice(parent, name, set, { own, text = String } = {}) {
  const knob = KNOBS[name];
  const label = parent.append("label").attr("class", `knob knob-${name}`);
  label.append("span").attr("class", "words").text(own ?? knob.label);
  const select = label.append("select").attr("aria-label", knob.label).on("change", (event) => set({ [name]: knob.choices[event.currentTarget.selectedIndex] }));
  const options = select.selectAll("option").data(knob.choices).join("option").attr("value", String).text(text);
  return following(knobOf(name), (value) => options.each(function (choice) {
    this.selected = choice === value;
    this.toggleAttribute("selected", choice === value);
  }));
}

/** A box to tick. */
export function addFlag(parent, name, set, { own } = {}) {
  const label = parent.append("label").attr("class", "flag");
  const input = addBox(label, own ?? KNOBS[name].label, (ticked) => set({ [name]: ticked }));
  return following(knobOf(name), (value) => tick(input, value));
}

/** Boxes that switch the optimizers on and off, each with its line as it is drawn. */
export function addSwitch(parent, { name, color, dashes }, set) {
  const label = parent.append("label").attr("class", "flag switch");
  const input = addBox(label, name, (ticked) => set((state) => ({
    shown: KNOBS.shown.choices.filter((each) => (each === name ? ticked : state.shown.includes(each))),
  })));
  label
    .append("svg")
    .attr("class", "line")
    .attr("viewBox", "0 0 40 6")
    .attr("aria-hidden", "true")
    .append("path")
    .attr("d", "M0,3H40")
    .attr("stroke", color)
    .attr("stroke-dasharray", dashes);
  return following(knobOf("shown"), (names) => tick(input, names.includes(name)));
}

function addBox(label, text, set) {
  const input = label.append("input").attr("type", "checkbox").on("change", (event) => set(event.currentTarget.checked));
  label.append("span").text(text);
  return input;
}

function tick(input, value) {
  input.property("checked", value).attr("checked", value ? "" : null);
}

/** A part that folds, which a link remembers. */
export function addFold(parent, name, set) {
  const fold = parent.append("details").attr("class", `fold fold-${name}`);
  fold.append("summary").text(KNOBS[name].label);
  fold.on("toggle", (event) => set((state) => (state[name] === event.currentTarget.open ? {} : { [name]: event.currentTarget.open })));
  return [fold, following(knobOf(name), (open) => fold.attr("open", open ? "" : null))];
}

export function addButton(parent, kind, text, press) {
  return parent.append("button").attr("type", "button").attr("class", kind).text(text).on("click", press);
}
