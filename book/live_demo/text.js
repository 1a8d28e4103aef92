// Formats numbers and describes results in sentences.
import { learningRate } from "./settings.js";

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
export const superscript = (integer) => (integer < 0 ? "⁻" : "") + [...String(Math.abs(integer))].map((digit) => SUPERSCRIPTS[digit]).join("");

/** Formats a number with significant digits, a Unicode minus sign, and a power of ten where the number is large or small. */
export function formatNumber(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const [significand, exponent] = value.toExponential(digits - 1).split("e").map(Number);
  let text = String(Number(value.toPrecision(digits)));
  if (exponent < -4 || exponent > 5) text = (significand === 1 ? "10" : `${significand}·10`) + superscript(exponent);
  return text.replace("-", "−");
}

/** Formats a number as Python's format "#.7g" does. */
export function formatLikePython(value) {
  if (Number.isNaN(value)) return "nan";
  const [significand, exponentText] = value.toExponential(6).split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 7) return value.toFixed(6 - exponent) + (exponent === 6 ? "." : "");
  return `${significand}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** Formats the value of a number setting. */
export const formatSetting = ({ unit = "" }, value) => formatNumber(value, 4) + unit;

/** Returns why a coordinate has no rate at a step, or "" if it has one. */
export function missingRateReason({ rates, divergedAt }, coordinate, step) {
  if (step === 0) return "no step yet";
  if (divergedAt >= 0 && step > divergedAt) return "diverged";
  return Number.isNaN(rates[coordinate][step - 1]) ? "no gradient yet" : "";
}

/** Returns the sparse rate divided by the dense rate, NaN if one of them is missing. */
export const rateRatio = ({ rates }, step) => rates[1][step - 1] / rates[0][step - 1];

/** Formats a ratio. A ratio below 2 has one more digit, to show that it is not exactly 1. */
export const formatRatio = (value) => formatNumber(value, value < 2 ? 3 : 2);

/**
 * Explains Adagrad's rate ratio by its sums of squared gradients. Returns "" if there is no ratio, or if ε is so large that
 * the sums alone do not explain it.
 */
export function explainAdagradRatio({ state, runs, step }) {
  const run = runs.find(({ name }) => name === "Adagrad");
  const ratio = run ? rateRatio(run, step) : NaN;
  if (!(ratio > 0)) return "";
  const [dense, sparse] = run.rates.map((rates) => (learningRate(state, "Adagrad") / rates[step - 1] - state.eps) ** 2);
  const root = formatRatio(Math.sqrt(dense / sparse));
  return root === formatRatio(ratio) ? `Adagrad: √(Σg² dense / Σg² sparse) = √(${formatNumber(dense)} / ${formatNumber(sparse)}) = ${root}` : "";
}

/** Describes the displayed state for screen readers and for print. */
export function summarize({ state, runs, step }) {
  const ratios = runs.map((run) => {
    const reason = missingRateReason(run, 0, step) || missingRateReason(run, 1, step);
    return `${run.name} ${reason || formatRatio(rateRatio(run, step))}`;
  });
  const position = `Activity ${state.activity}%, step ${step} of ${state.num_steps}.`;
  return ratios.length ? `${position} Sparse rate divided by dense rate: ${ratios.join(", ")}.` : `${position} No optimizer is shown.`;
}
