// Measures pages with Lighthouse, in one Chromium that stays open. Reads lines { url, desktop, categories } as JSON from
// standard input, and answers each with a line.
// usage: node lighthouse.mjs chromium flags...
import { createInterface } from "node:readline";
import { launch } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";

const [chromePath, ...chromeFlags] = process.argv.slice(2);
const chrome = await launch({ chromePath, chromeFlags: ["--headless=new", ...chromeFlags] });

/** What is wrong, as a sentence, and where. */
const failure = ({ id, title, displayValue, details }) => {
  const places = (details?.items ?? []).slice(0, 5).map(({ node, url, description }) => node?.snippet ?? url ?? description);
  return [`${id}: ${title}`, displayValue, ...places].filter(Boolean).join(" · ");
};

try {
  for await (const line of createInterface({ input: process.stdin })) {
    const { url, desktop, categories } = JSON.parse(line);
    const flags = { port: chrome.port, onlyCategories: categories, disableFullPageScreenshot: true };
    const { lhr } = await lighthouse(url, flags, desktop ? desktopConfig : undefined);
    const answer = { error: lhr.runtimeError?.message, scores: {}, failures: {}, numbers: {} };
    for (const [name, { score, auditRefs }] of Object.entries(lhr.categories)) {
      const failed = auditRefs.filter(({ id, weight }) => weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 1);
      answer.scores[name] = score === null ? 0 : Math.round(score * 100);
      answer.failures[name] = failed.map(({ id }) => failure(lhr.audits[id]));
    }
    for (const { id, numericValue } of Object.values(lhr.audits)) {
      if (numericValue !== undefined) answer.numbers[id] = numericValue;
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
} finally {
  chrome.kill();
}
