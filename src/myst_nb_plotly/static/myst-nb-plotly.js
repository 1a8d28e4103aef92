// Draws the Plotly figures of a page: each when it comes near, with native controls in place of Plotly's own.
(() => {
  "use strict";

  const NARROW = 600; // px of figure width below which `layout.meta.narrow` applies
  const BASE = new URL(".", document.currentScript.src);
  const INK = { light: "#4a5560", dark: "#c5ced6" };

  /** @type {Promise<any> | undefined} */
  let plotly;

  let numSliders = 0; // on this page so far, to give each its own id

  /** Loads plotly.js once for the page. */
  function loadPlotly() {
    plotly ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL("plotly.min.js", BASE).href;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => {
        plotly = undefined; // The next figure tries again.
        reject(new Error(`could not load ${script.src}`));
      };
      document.head.append(script);
    });
    return plotly;
  }

  const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");

  /**
   * Makes sure that one update of a figure is under way at a time, and that the newest wish comes next.
   * @param {(wish: any) => Promise<any>} update
   */
  function latestOnly(update) {
    let running = false;
    let waiting = [];
    return async (wish) => {
      waiting = [wish];
      if (running) return;
      running = true;
      while (waiting.length) {
        // Plotly rejects an animation that a newer one overtakes: nothing to do then.
        await update(waiting.pop()).catch(() => {});
        await new Promise((done) => requestAnimationFrame(done));
      }
      running = false;
    };
  }

  /**
   * A slider of the figure as an `<input type="range">` that applies the same steps.
   * @param {any} slider an entry of Plotly's `layout.sliders`
   * @param {(step: any) => Promise<any>} apply
   */
  function rangeControl(slider, apply) {
    const control = document.createElement("div");
    const label = document.createElement("label");
    const value = document.createElement("output");
    const input = document.createElement("input");
    control.className = "plotly-slider";
    label.textContent = (slider.currentvalue?.prefix ?? "").trim() || "Slider";
    label.htmlFor = input.id = `plotly-slider-${++numSliders}`;
    value.setAttribute("aria-live", "off"); // The slider says its value itself.
    input.type = "range";
    input.min = "0";
    input.max = String(slider.steps.length - 1);
    input.value = String(slider.active ?? 0);
    const say = () => {
      value.textContent = slider.steps[input.valueAsNumber].label ?? input.value;
      input.setAttribute("aria-valuetext", value.textContent);
    };
    const move = latestOnly(apply);
    input.addEventListener("input", () => {
      say();
      move(slider.steps[input.valueAsNumber]);
    });
    say();
    control.append(label, value, input);
    return {
      element: control,
      /** Shows a step that the figure reached by itself. */
      show(name) {
        const index = slider.steps.findIndex((step) => step.args?.[0]?.[0] === name);
        if (index >= 0) {
          input.value = String(index);
          say();
        }
      },
    };
  }

  /** What to change in the layout for a theme. */
  function inTheme(layout, name) {
    const update = { "font.color": INK[name] };
    for (const paper of ["paper_bgcolor", "plot_bgcolor"]) {
      update[paper] = name === "dark" ? "rgba(0,0,0,0)" : layout[paper] ?? null;
    }
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) update[`${key}.color`] = INK[name];
    }
    return update;
  }

  /** Draws one figure. */
  async function draw(element) {
    const Plotly = await loadPlotly();
    const target = element.querySelector(".plotly-drawing");
    const figure = JSON.parse(element.querySelector("script").textContent);
    const { sliders = [], updatemenus = [], meta, ...layout } = figure.layout ?? {};
    const wide = { height: layout.height ?? 450 };
    for (const path of Object.keys(meta?.narrow ?? {})) {
      const [axis, key] = path.split(".");
      if (key) wide[path] = layout[axis]?.[key];
    }

    const apply = (step) => {
      const { method = "restyle", args = [] } = step;
      if (method === "skip") return Promise.resolve();
      return Promise.resolve(Plotly[method](target, ...structuredClone(args)));
    };
    const ranges = sliders.filter((slider) => slider.steps?.length).map((slider) => rangeControl(slider, apply));
    const controls = document.createElement("div");
    controls.className = "plotly-controls";
    for (const button of updatemenus.flatMap((menu) => menu.buttons ?? [])) {
      const control = document.createElement("button");
      control.type = "button";
      control.textContent = button.label;
      control.addEventListener("click", () => apply(button).catch(() => {}));
      controls.append(control);
    }
    controls.append(...ranges.map((range) => range.element));
    if (controls.childElementCount) element.prepend(controls);

    const isNarrow = () => element.clientWidth < NARROW;
    await Plotly.newPlot(target, figure.data, { ...layout, width: element.clientWidth }, { displayModeBar: false, responsive: false });
    target.style.minHeight = "";
    if (figure.frames?.length) await Plotly.addFrames(target, figure.frames);
    target.on("plotly_animatingframe", (event) => ranges.forEach((range) => range.show(event.name)));

    let narrow = false;
    const fit = async () => {
      const change = isNarrow() === narrow ? {} : (narrow = isNarrow()) ? meta?.narrow ?? {} : wide;
      await Plotly.relayout(target, { ...change, width: element.clientWidth });
    };
    const dress = () => Plotly.relayout(target, inTheme(layout, theme()));
    await fit();
    await dress();
    new ResizeObserver(latestOnly(fit)).observe(element);
    new MutationObserver(dress).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    element.dataset.drawn = "yes";
  }

  function start() {
    const near = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          near.unobserve(target);
          draw(target).catch((error) => {
            console.error(error);
            target.querySelector(".plotly-drawing").textContent = `This figure could not be drawn: ${error.message}`;
          });
        }
      },
      { rootMargin: "600px" },
    );
    document.querySelectorAll(".plotly-figure").forEach((element) => near.observe(element));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
