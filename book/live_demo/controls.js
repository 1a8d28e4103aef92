// Controls for the settings. Each function adds a control and returns a function that updates it from the state.
import { SETTINGS, nearestIndex } from "./settings.js";
import { formatSetting } from "./text.js";

/** Returns an updater that calls `show` only if the value has changed. */
function onChange(getValue, show) {
  let shown;
  return (state) => {
    const value = getValue(state);
    if (shown === value) return;
    shown = value;
    show(value);
  };
}

const valueOf = (name) => (state) => state[name];

/**
 * Adds a slider through the values of a number setting.
 * @param {{ label?: string, getValue?: (state: object) => number, getMaxIndex?: (state: object) => number }} options
 *   `label` is a visible label that is shorter than the accessible one. `getValue` and `getMaxIndex` override the displayed
 *   value and the end of the slider.
 */
export function addSlider(parent, name, setState, { label, getValue = valueOf(name), getMaxIndex } = {}) {
  const setting = SETTINGS[name];
  // Not a <label>: the accessible name would contain the value as well.
  const control = parent.append("div").attr("class", `control control-${name}`);
  const caption = control.append("span").attr("class", "caption");
  caption.append("span").text(label ?? setting.label);
  // Screen readers read the value of the slider itself. Announced changes would repeat it, and interrupt during playback.
  const output = caption.append("output").attr("aria-live", "off");
  const input = control
    .append("input")
    .attr("type", "range")
    .attr("min", 0)
    .attr("max", setting.values.length - 1)
    .attr("aria-label", setting.label)
    .on("input", (event) => setState({ [name]: setting.values[event.currentTarget.valueAsNumber] }));
  const updateValue = onChange(getValue, (value) => {
    const text = formatSetting(setting, value);
    const index = nearestIndex(setting, value);
    // Writing the same value could interrupt a drag.
    if (input.property("valueAsNumber") !== index) input.property("value", index);
    input.attr("value", index).attr("aria-valuetext", text);
    output.text(text);
  });
  if (!getMaxIndex) return updateValue;
  const updateMax = onChange(getMaxIndex, (index) => input.attr("max", index));
  return (state) => {
    updateMax(state);
    updateValue(state);
  };
}

/** Adds a drop-down list for a choice setting. */
export function addSelect(parent, name, setState, { label, formatChoice = String } = {}) {
  const setting = SETTINGS[name];
  const control = parent.append("label").attr("class", `control control-${name}`);
  control.append("span").attr("class", "caption").text(label ?? setting.label);
  const select = control
    .append("select")
    .attr("aria-label", setting.label)
    .on("change", (event) => setState({ [name]: setting.choices[event.currentTarget.selectedIndex] }));
  const options = select.selectAll("option").data(setting.choices).join("option").attr("value", String).text(formatChoice);
  return onChange(valueOf(name), (value) => options.each(function (choice) {
    this.selected = choice === value;
    this.toggleAttribute("selected", choice === value);
  }));
}

/** Adds a checkbox for a boolean setting. */
export function addCheckbox(parent, name, setState, { label } = {}) {
  const control = parent.append("label").attr("class", "checkbox");
  const input = addCheckboxInput(control, label ?? SETTINGS[name].label, (checked) => setState({ [name]: checked }));
  return onChange(valueOf(name), (value) => setChecked(input, value));
}

/** Adds a checkbox that shows or hides an optimizer, with a sample of the optimizer's line. */
export function addOptimizerCheckbox(parent, { name, color, dashes }, setState) {
  const control = parent.append("label").attr("class", "checkbox optimizer-checkbox");
  const input = addCheckboxInput(control, name, (checked) => setState((state) => ({
    shown: SETTINGS.shown.choices.filter((each) => (each === name ? checked : state.shown.includes(each))),
  })));
  control
    .append("svg")
    .attr("class", "line-sample")
    .attr("viewBox", "0 0 40 6")
    .attr("aria-hidden", "true")
    .append("path")
    .attr("d", "M0,3H40")
    .attr("stroke", color)
    .attr("stroke-dasharray", dashes);
  return onChange(valueOf("shown"), (names) => setChecked(input, names.includes(name)));
}

function addCheckboxInput(control, text, onToggle) {
  const input = control.append("input").attr("type", "checkbox").on("change", (event) => onToggle(event.currentTarget.checked));
  control.append("span").text(text);
  return input;
}

function setChecked(input, checked) {
  input.property("checked", checked).attr("checked", checked ? "" : null);
}

/** Adds a <details> element whose open state is a setting. Returns the element and its updater. */
export function addDetails(parent, name, setState) {
  const details = parent.append("details").attr("class", `details details-${name}`);
  details.append("summary").text(SETTINGS[name].label);
  details.on("toggle", ({ currentTarget: { open } }) => setState((state) => (state[name] === open ? {} : { [name]: open })));
  return [details, onChange(valueOf(name), (open) => details.attr("open", open ? "" : null))];
}

export function addButton(parent, className, text, onClick) {
  return parent.append("button").attr("type", "button").attr("class", className).text(text).on("click", onClick);
}
