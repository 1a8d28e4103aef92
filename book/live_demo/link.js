// The state as the fragment of a link, and back. Only what differs from the start is in it.
import { KNOBS, START } from "./knobs.js";
import presets from "./presets.json" with { type: "json" };

export const PRESETS = presets;

const FLAGS = new Map([["yes", true], ["no", false]]);
const NUMBER = /^-?\d+(\.\d+)?(e-?\d+)?$/;

/** How the values of each kind of knob are read: the value, or undefined. */
const READ = {
  number({ values, whole }, text) {
    const value = NUMBER.test(text) ? Number(text) : NaN;
    const fits = value >= values[0] && value <= values.at(-1) && (!whole || Number.isInteger(value));
    return fits ? value : undefined;
  },
  choice: ({ choices }, text) => choices.find((each) => String(each) === text),
  flag: (_, text) => FLAGS.get(text),
  names({ choices }, text) {
    const names = text.split(" ").filter(Boolean);
    const known = new Set(names).size === names.length && names.every((name) => choices.includes(name));
    return known ? choices.filter((name) => names.includes(name)) : undefined;
  },
};

const asText = (value) => (Array.isArray(value) ? value.join(" ") : typeof value === "boolean" ? (value ? "yes" : "no") : String(value));

/** The state of a preset. */
export const presetState = (name) => ({ ...START, ...presets[name].state });

/** The fragment of a state, without "#"; a preset's name as long as the state is still that of the preset. */
export function toFragment(state, preset) {
  if (preset && toFragment(state) === toFragment(presetState(preset))) return `preset=${preset}`;
  const entries = Object.keys(KNOBS).map((name) => [name, asText(state[name])]);
  return new URLSearchParams(entries.filter(([name, text]) => text !== asText(START[name]))).toString();
}

/**
 * The state of a fragment, and the parts of it that mean nothing.
 * @returns {{ state: typeof START, preset: string | undefined, ignored: string[] }}
 */
export function fromFragment(fragment) {
  const state = { ...START };
  const ignored = [];
  let preset;
  for (const [name, text] of new URLSearchParams(fragment.replace(/^#/, ""))) {
    const value = name !== "preset" && Object.hasOwn(KNOBS, name) ? READ[KNOBS[name].kind](KNOBS[name], text) : undefined;
    if (value !== undefined) state[name] = value;
    else if (name === "preset" && Object.hasOwn(presets, text)) Object.assign(state, presetState((preset = text)));
    else ignored.push(text ? `${name}=${text}` : name);
  }
  return { state, preset, ignored };
}
