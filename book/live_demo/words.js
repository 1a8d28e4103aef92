// Numbers and sentences as the demo says them.
import { learningRate } from "./knobs.js";

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** A whole number as an exponent. */
export const superscript = (whole) => (whole < 0 ? "⁻" : "") + [...String(Math.abs(whole))].map((digit) => SUPERSCRIPTS[digit]).join("");

/** A number with so many significant digits, a real minus, and powers of ten spelled out. */
export function short(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const [part, exponent] = value.toExponential(digits - 1).split("e").map(Number);
  const needsPower = exponent < -4 || exponent > 5;
  const text = !needsPower ? String(Number(value.toPrecision(digits))) : part === 1 ? `10${superscript(exponent)}` : `${part}·10${superscript(exponent)}`;
  return text.replace("-", "−");
}

/** A number as Python's format "#.7g" prints it. */
export function general(value) {
  if (Number.isNaN(value)) return "nan";
  const [digits, exponent] = value.toExponential(6).split("e");
  const power = Number(exponent);
  if (power >= -4 && power < 7) return value.toFixed(6 - power) + (power === 6 ? "." : "");
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** A value of a knob. */
export function knobText({ unit = "" }, value) {
  return `${typeof value === "number" ? short(value, 4) : value}${unit}`;
}

/** Why an optimizer has no rate to show, or "". */
export function whyNoRate({ rates, divergedAt }, coordinate, step) {
  if (step === 0) return "no step yet";
  if (divergedAt >= 0 && step > divergedAt) return "diverged";
  return Number.isNaN(rates[coordinate][step - 1]) ? "no gradient yet" : "";
}

/** The sparse rate over the dense one, NaN while one of them is missing. */
export const ratio = ({ rates }, step) => rates[1][step - 1] / rates[0][step - 1];

/** A ratio: near 1 a digit more says that it is not 1. */
export const ratioText = (value) => short(value, value < 2 ? 3 : 2);

/** Why Adagrad's ratio is what it is, or "" if it has none. Nor if ε has a say in it: the sums are not all then. */
export function adagradSums({ state, runs, step }) {
  const run = runs.find(({ name }) => name === "Adagrad");
  const times = run ? ratio(run, step) : NaN;
  const [dense, sparse] = run ? run.rates.map((rates) => (learningRate(state, "Adagrad") / rates[step - 1] - state.eps) ** 2) : [];
  const root = ratioText(Math.sqrt(dense / sparse));
  return times > 0 && root === ratioText(times) ? `Adagrad: √(Σg² dense / Σg² sparse) = √(${short(dense)} / ${short(sparse)}) = ${root}` : "";
}

/** What is to be seen, in a sentence or two. */
export function sentence({ state, runs, step }) {
  const ratios = runs.map((run) => {
    const why = whyNoRate(run, 0, step) || whyNoRate(run, 1, step);
    return `${run.name} ${why || ratioText(ratio(run, step))}`;
  });
  const seen = `Activity ${state.activity}%, step ${step} of ${state.num_steps}.`;
  return ratios.length ? `${seen} Sparse rate divided by dense rate: ${ratios.join(", ")}.` : `${seen} No optimizer is shown.`;
}
