// Builds the demo. `node build.js data.json folder` writes live-demo.js and live-demo.css into the folder, and prints the
// HTML of the full and the compact demo in their initial state. Pages show it until the script has run, and without scripts.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { parseHTML } from "linkedom";
import { Demo } from "./demo.js";
import { decodeDraws } from "./problem.js";

const [dataPath, outdir] = process.argv.slice(2);
await build({
  entryPoints: ["page.js", "page.css"].map((name) => ({
    in: fileURLToPath(new URL(name, import.meta.url)),
    out: "live-demo",
  })),
  outdir,
  bundle: true,
  minify: true,
  format: "iife", // Pages opened from files cannot load ES modules.
  target: "es2022",
  logLevel: "warning",
});

const { chartOptions, seeds } = JSON.parse(readFileSync(dataPath, "utf8"));
const draws = seeds.map(decodeDraws);
const { document } = parseHTML("<!doctype html><body></body>");

function renderHtml(compact) {
  const element = document.createElement("div");
  document.body.append(element);
  for (const _ of new Demo(element, chartOptions, draws, compact).build());
  return element.innerHTML;
}

process.stdout.write(JSON.stringify({ full: renderHtml(false), compact: renderHtml(true) }));
