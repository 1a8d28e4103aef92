// Converts the state to the fragment of a link and back. A fragment contains only what differs from the initial state.
import presets from "./presets.json" with { type: "json" };
import { INITIAL_STATE, SETTINGS } from "./settings.js";

export const PRESETS = presets;

const BOOLEANS = new Map([["yes", true], ["no", false]]);
const NUMBER = /^-?\d+(\.\d+)?(e-?\d+)?$/;

/** How to parse the text of each type of setting. A parser returns undefined if the text is invalid. */
const PARSERS = {
  number({ values, integer }, text) {
    const value = NUMBER.test(text) ? Number(text) : NaN;
    const isValid = value >= values[0] && value <= values.at(-1) && (!integer || Number.isInteger(value));
    return isValid ? value : undefined;
  },
  choice: ({ choices }, text) => choices.find((each) => String(each) === text),
  boolean: (_, text) => BOOLEANS.get(text),
  subset({ choices }, text) {
    const names = text.split(" ").filter(Boolean);
    const isValid = new Set(names).size === names.length && names.every((name) => choices.includes(name));
    return isValid ? choices.filter((name) => names.includes(name)) : undefined;
  },
};

function serialize(value) {
  if (Array.isArray(value)) return value.join(" ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}

export const presetState = (name) => ({ ...INITIAL_STATE, ...presets[name].state });

/** Returns the fragment of a state, without "#". If the state is that of the given preset, the fragment names the preset. */
export function toFragment(state, preset) {
  if (preset && toFragment(state) === toFragment(presetState(preset))) return `preset=${preset}`;
  const entries = Object.keys(SETTINGS).map((name) => [name, serialize(state[name])]);
  return new URLSearchParams(entries.filter(([name, text]) => text !== serialize(INITIAL_STATE[name]))).toString();
}

/**
 * Returns the state of a fragment, and the invalid parts of the fragment.
 * @returns {{ state: typeof INITIAL_STATE, preset: string | undefined, invalid: string[] }}
 */
export function parseFragment(fragment) {
  const state = { ...INITIAL_STATE };
  const invalid = [];
  let preset;
  for (const [name, text] of new URLSearchParams(fragment.replace(/^#/, ""))) {
    const setting = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
    const value = setting && PARSERS[setting.type](setting, text);
    if (value !== undefined) {
      state[name] = value;
    } else if (name === "preset" && Object.hasOwn(presets, text)) {
      preset = text;
      Object.assign(state, presetState(preset));
    } else {
      invalid.push(text ? `${name}=${text}` : name);
    }
  }
  return { state, preset, invalid };
}
