// Builds the demo: `node build.js data.json folder` writes live-demo.js and live-demo.css into the folder, and prints the
// demos in their first state as HTML, which is what a page shows before its script, and without one.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { parseHTML } from "linkedom";
import { Demo } from "./demo.js";
import { readDraws } from "./problem.js";

const [dataPath, outdir] = process.argv.slice(2);
await build({
  entryPoints: ["page.js", "page.css"].map((name) => ({
    in: fileURLToPath(new URL(name, import.meta.url)),
    out: "live-demo",
  })),
  outdir,
  bundle: true,
  minify: true,
  format: "iife", // A classic script: pages that are files can load no other.
  target: "es2022",
  logLevel: "warning",
});

const { looks, seeds } = JSON.parse(readFileSync(dataPath, "utf8"));
const draws = seeds.map(readDraws);
const { document } = parseHTML("<!doctype html><body></body>");

function html(compact) {
  const element = document.createElement("div");
  document.body.append(element);
  for (const _ of new Demo(element, looks, draws, compact).build());
  return element.innerHTML;
}

process.stdout.write(JSON.stringify({ full: html(false), compact: html(true) }));
