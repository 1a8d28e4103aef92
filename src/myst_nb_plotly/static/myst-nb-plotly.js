// Makes the Plotly figures of a page interactive, once the reader interacts with the page.
// The same code renders the static pictures during the build.
window.mystNbPlotly = (() => {
  "use strict";

  const NARROW_WIDTH = 600; // px; figures below it use the narrow layout, as in the CSS
  const PICTURE_WIDTHS = { wide: 728, narrow: 342 }; // px; the text width on a laptop (as in the CSS) and on a phone
  const DRAW_MARGIN = "600px"; // figures within this distance of the window are drawn
  const REDUCED_MOTION_FRAME = 500; // ms; the minimum duration of a frame
  const DEFAULT_HEIGHT = 450; // px; Plotly's default
  const MISSING = "–";

  const DARK_TEXT = "#c5ced6";
  const DARK_LINE = "rgba(140, 150, 160, 0.35)";
  const TRANSPARENT = "rgba(0,0,0,0)";
  const DARK_AXIS = { gridcolor: DARK_LINE, zerolinecolor: DARK_LINE, linecolor: DARK_LINE, tickcolor: DARK_LINE };
  const DARK_SCENE_AXIS = { ...DARK_AXIS, backgroundcolor: TRANSPARENT };
  /** Overrides for the layout of a figure's template in the dark theme. */
  const DARK_LAYOUT = {
    xaxis: DARK_AXIS,
    yaxis: DARK_AXIS,
    polar: { bgcolor: TRANSPARENT, angularaxis: DARK_AXIS, radialaxis: DARK_AXIS },
    ternary: { bgcolor: TRANSPARENT, aaxis: DARK_AXIS, baxis: DARK_AXIS, caxis: DARK_AXIS },
    scene: { xaxis: DARK_SCENE_AXIS, yaxis: DARK_SCENE_AXIS, zaxis: DARK_SCENE_AXIS },
    geo: { bgcolor: TRANSPARENT },
  };

  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

  /** Merges two nested objects; `overrides` wins. */
  function mergeDeep(base, overrides) {
    if (!isObject(base) || !isObject(overrides)) return overrides;
    const result = { ...base };
    for (const key of Object.keys(overrides)) result[key] = mergeDeep(base[key], overrides[key]);
    return result;
  }

  /** Splits an attribute path: "annotations[0].x" gives annotations, 0, x. */
  const splitPath = (path) => path.replace(/\[(\d+)\]/g, ".$1").split(".");

  const getAttribute = (layout, path) => splitPath(path).reduce((value, name) => value?.[name], layout);

  /** Returns a copy of the layout with changes by attribute path, as in `Plotly.relayout`. */
  function withChanges(layout, changes) {
    const copy = structuredClone(layout);
    for (const [path, value] of Object.entries(changes)) {
      const names = splitPath(path);
      const last = names.pop();
      let parent = copy;
      for (const name of names) {
        if (!isObject(parent[name]) && !Array.isArray(parent[name])) parent[name] = {};
        parent = parent[name];
      }
      parent[last] = value;
    }
    return copy;
  }

  /** Returns the changes to a layout for the dark theme and for narrow screens. */
  function variantsOf({ template, legend, meta }) {
    const legendBelow = {
      "legend.orientation": "h",
      "legend.x": 0,
      "legend.yref": "container",
      "legend.y": 0,
      "legend.yanchor": "bottom",
    };
    return {
      dark: {
        template: mergeDeep(template ?? {}, { layout: DARK_LAYOUT }),
        "font.color": DARK_TEXT,
        paper_bgcolor: TRANSPARENT,
        plot_bgcolor: TRANSPARENT,
      },
      narrow: isObject(meta?.narrow) ? meta.narrow : legend?.orientation === "h" ? {} : legendBelow,
    };
  }

  /** Returns the original values of what the changes would change. */
  const undo = (layout, changes) =>
    Object.fromEntries(Object.keys(changes).map((path) => [path, getAttribute(layout, path) ?? null]));

  const visible = (entries) => entries.filter((entry) => entry.visible ?? true);

  /** Formats a value for the table, numbers with four digits. `_format_value` in Python gives the same text. */
  function formatValue(value) {
    if (value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value))) return MISSING;
    if (typeof value !== "number") return String(value);
    const size = Math.abs(value);
    if (size === 0 || (size >= 1e-4 && size < 1e6)) return String(Number(value.toPrecision(4)));
    const [digits, exponent] = value.toExponential(3).split("e");
    return `${Number(digits)}e${Number(exponent)}`;
  }

  const heightOf = (layout) => (layout.height > 0 ? layout.height : DEFAULT_HEIGHT);

  /** Returns the layout without sliders and menus, which native controls replace. */
  function withoutControls({ sliders, updatemenus, ...layout }) {
    return { ...layout, height: heightOf(layout) };
  }

  /** Sorts the attributes of an SVG: in Plotly's output, their order depends on what it drew before. */
  function sortAttributes(svg) {
    const picture = new DOMParser().parseFromString(svg, "image/svg+xml");
    for (const element of picture.querySelectorAll("*")) {
      const attributes = [...element.attributes].sort((one, other) => (one.name < other.name ? -1 : 1));
      for (const attribute of attributes) element.removeAttributeNode(attribute);
      for (const attribute of attributes) element.setAttributeNode(attribute);
    }
    return new XMLSerializer().serializeToString(picture);
  }

  /** Renders the static pictures of a figure, and returns them by name. */
  async function renderPictures(figure) {
    const svgs = {};
    const original = withoutControls(figure.layout);
    const variants = variantsOf(original);
    for (const [size, width] of Object.entries(PICTURE_WIDTHS)) {
      for (const theme of ["light", "dark"]) {
        const layout = withChanges(original, {
          ...(theme === "dark" && variants.dark),
          ...(size === "narrow" && variants.narrow),
          width,
        });
        // Plotly uses random ids; a fixed seed makes the SVG reproducible.
        let seed = 1;
        Math.random = () => (seed = (16807 * seed) % 2147483647) / 2147483647;
        const data = structuredClone(figure.data ?? []);
        const options = { format: "svg", imageDataOnly: true, width, height: heightOf(layout) };
        const svg = await Plotly.toImage({ data, layout }, options);
        svgs[`${size}-${theme}`] = sortAttributes(svg);
      }
    }
    return svgs;
  }

  const scripts = new Map();

  /** Loads a script once per page; after a failure, the next call tries again. */
  function loadScript(url) {
    if (!scripts.has(url)) {
      const loading = new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = url;
        script.onload = resolve;
        script.onerror = () => {
          scripts.delete(url);
          script.remove();
          reject(new Error(`could not load ${script.src}`));
        };
        document.head.append(script);
      });
      scripts.set(url, loading);
    }
    return scripts.get(url);
  }

  /** The JSON of the loaded figures, which come as scripts: a page opened as a file can load nothing else. */
  const received = new Map();

  const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

  /**
   * Wraps an asynchronous update so that only one call runs at a time. Of the calls made meanwhile, only the last runs.
   * @param {(request?: any) => Promise<any>} update
   */
  function coalesce(update) {
    let running = false;
    let pending = [];
    return async (request) => {
      pending = [request];
      if (running) return;
      running = true;
      try {
        while (pending.length) {
          await update(pending.pop());
          await nextFrame();
        }
      } finally {
        running = false;
      }
    };
  }

  const themeOf = (element) => getComputedStyle(element).getPropertyValue("--plotly-theme").trim();
  const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  /** Returns the arguments of `Plotly.animate` with slow frames and no transitions. */
  function reduceMotion([frames, options = {}]) {
    const slowDown = (frame) => ({ ...frame, duration: Math.max(frame?.duration ?? 0, REDUCED_MOTION_FRAME) });
    let frame = Array.isArray(options.frame) ? options.frame.map(slowDown) : slowDown(options.frame);
    // A single frame, such as the step of a slider, is shown at once.
    if (Array.isArray(frames) && frames.length < 2) frame = { ...options.frame, duration: 0 };
    return [frames, { ...options, transition: { duration: 0 }, frame }];
  }

  /** One figure on the page. */
  class Figure {
    /** @param {HTMLElement} element */
    constructor(element) {
      this.element = element;
      this.target = element.querySelector(".plotly-drawing");
      this.controls = element.querySelector(".plotly-controls");
      this.requestAction = coalesce((choose) => this.applyAction(choose));
      this.controls?.addEventListener("input", (event) => this.handleControl(event.target));
      this.controls?.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button) this.handleControl(button);
      });
    }

    handleControl(control) {
      const { slider, menu, button } = control.dataset;
      this.lastControl = control;
      if (slider !== undefined) {
        this.showSliderValue(control);
        this.requestAction(({ sliders }) => visible(sliders[slider].steps)[control.valueAsNumber]);
      } else if (control.matches("button")) {
        const wasPressed = control.getAttribute("aria-pressed") === "true";
        for (const other of this.controls.querySelectorAll(`button[data-menu="${menu}"][aria-pressed]`)) {
          other.setAttribute("aria-pressed", String(other === control));
        }
        this.requestAction(({ updatemenus }) => {
          const entry = updatemenus[menu].buttons[button];
          if (!wasPressed || !entry.args2) return entry;
          control.setAttribute("aria-pressed", "false");
          return { ...entry, args: entry.args2 };
        });
      } else {
        this.requestAction(({ updatemenus }) => updatemenus[menu].buttons[control.value]);
      }
    }

    showSliderValue(slider) {
      const text = JSON.parse(slider.dataset.valueTexts)[slider.valueAsNumber];
      slider.setAttribute("aria-valuetext", text);
      slider.closest(".plotly-slider").querySelector("output").textContent = text;
    }

    /** Draws the figure, unless it is already drawn. */
    draw() {
      this.drawing ??= this.createPlot().catch((error) => {
        this.drawing = undefined; // The next call tries again.
        this.showError(error);
        throw error;
      });
      return this.drawing;
    }

    showError(error) {
      console.error(error);
      const message = this.element.querySelector(".plotly-problem") ?? document.createElement("p");
      message.className = "plotly-problem";
      message.setAttribute("role", "alert");
      message.textContent = `This figure could not be made interactive: ${error.message}`;
      this.element.append(message);
    }

    async createPlot() {
      const { figure: name, folder, bundle } = this.element.dataset;
      await Promise.all([loadScript(`${folder}/${bundle}`), loadScript(`${folder}/${name}.js`)]);
      const { data = [], frames, layout } = JSON.parse(received.get(name));
      this.layout = layout;
      this.variants = variantsOf(layout);
      this.state = this.pageState();
      const { dark, narrow, width } = this.state;
      const initial = withChanges(withoutControls(layout), {
        ...(dark && this.variants.dark),
        ...(narrow && this.variants.narrow),
        width,
      });
      await Plotly.newPlot(this.target, data, initial, { displayModeBar: false, responsive: false });
      if (frames?.length) await Plotly.addFrames(this.target, frames);
      this.target.on("plotly_animatingframe", (event) => this.syncSliders(event.name));
      await this.adaptToPage();
      await nextFrame(); // Hide the picture only after the drawing is painted.
      this.element.querySelector(".plotly-problem")?.remove();
      this.element.dataset.drawn = "yes";
      const requestAdaptation = coalesce(() => this.adaptToPage());
      new ResizeObserver(requestAdaptation).observe(this.element);
      for (const root of [document.documentElement, document.body]) {
        new MutationObserver(requestAdaptation).observe(root, { attributeFilter: ["class", "data-theme", "style"] });
      }
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", requestAdaptation);
    }

    pageState() {
      const width = this.element.clientWidth || PICTURE_WIDTHS.wide;
      return { dark: themeOf(this.element) === "dark", narrow: width < NARROW_WIDTH, width };
    }

    /** Updates the layout for the theme and width of the page. */
    async adaptToPage() {
      const before = this.state;
      const now = (this.state = this.pageState());
      const layout = withoutControls(this.layout);
      const update = {};
      for (const variant of ["dark", "narrow"]) {
        const changes = this.variants[variant];
        if (now[variant] !== before[variant]) Object.assign(update, now[variant] ? changes : undo(layout, changes));
      }
      if (now.width !== before.width) update.width = now.width;
      if (Object.keys(update).length) await Plotly.relayout(this.target, structuredClone(update));
    }

    /**
     * Calls the Plotly method of a control.
     * @param {(layout: any) => any} choose returns the slider step or button in the layout
     */
    async applyAction(choose) {
      try {
        await this.draw();
      } catch {
        return; // `draw` shows the error.
      }
      const { method = "restyle", args = [] } = choose(this.layout);
      const ownArgs = structuredClone(args); // Plotly modifies its arguments.
      if (method !== "skip") {
        const isAnimation = method === "animate";
        const plays = isAnimation && !(Array.isArray(ownArgs[0]) && ownArgs[0].length === 1);
        const usedArgs = isAnimation && reducedMotion.matches ? reduceMotion(ownArgs) : ownArgs;
        // Plotly rejects an animation, without an error, if a newer one interrupts it.
        const finished = Promise.resolve(Plotly[method](this.target, ...usedArgs)).catch(
          (error) => error && console.error(error),
        );
        if (!plays) await finished;
      }
      this.updateTable();
    }

    /** Moves the sliders that have a step for a shown frame, unless the reader used a slider to show it. */
    syncSliders(frameName) {
      if (this.lastControl?.dataset.slider !== undefined) return;
      requestAnimationFrame(() => this.updateTable()); // Plotly emits the event before it updates the data.
      for (const slider of this.controls?.querySelectorAll("input[data-slider]") ?? []) {
        const steps = visible(this.layout.sliders[slider.dataset.slider].steps);
        const index = steps.findIndex(({ method, args }) => method === "animate" && args?.[0]?.[0] === frameName);
        if (index >= 0) {
          slider.value = String(index);
          this.showSliderValue(slider);
        }
      }
    }

    /** Writes the drawn values into the table. */
    updateTable() {
      const body = this.element.querySelector(".plotly-numbers tbody");
      if (!body) return;
      const { table } = this.layout.meta;
      const allTraces = this.target._fullData;
      const traces = table === true ? allTraces : table.map((position) => allTraces[position]);
      const rows = new Map();
      traces.forEach((trace, column) => {
        const [labelAxis, valueAxis] = trace.orientation === "h" ? ["y", "x"] : ["x", "y"];
        trace[valueAxis]?.forEach((value, position) => {
          const label = formatValue(trace[labelAxis]?.[position] ?? position);
          if (!rows.has(label)) rows.set(label, traces.map(() => MISSING));
          const text = formatValue(value);
          rows.get(label)[column] = text === MISSING ? trace.hovertext?.[position] || MISSING : text;
        });
      });
      [...rows].forEach(([label, cells], index) => {
        const row = body.rows[index] ?? body.insertRow();
        if (!row.cells.length) {
          const head = document.createElement("th");
          head.scope = "row";
          row.append(head);
          for (const _ of cells) row.insertCell();
        }
        // Writing is slow, and most cells keep their text.
        [label, ...cells].forEach((text, column) => {
          if (row.cells[column].textContent !== text) row.cells[column].textContent = text;
        });
      });
      while (body.rows.length > rows.size) body.deleteRow(-1);
    }
  }

  /** Loads the pictures for printing: the browser does not load lazy ones before it prints. */
  function loadPrintPictures() {
    for (const picture of document.querySelectorAll(".plotly-wide.plotly-light")) picture.loading = "eager";
  }

  function initialize() {
    const elements = [...document.querySelectorAll(".plotly-figure")];
    const figures = new Map(elements.map((element) => [element, new Figure(element)]));
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          observer.unobserve(target);
          figures.get(target).draw().catch(() => {}); // `draw` shows the error.
        }
      },
      { rootMargin: DRAW_MARGIN },
    );
    const events = ["pointermove", "pointerdown", "touchstart", "wheel", "scroll", "keydown", "focusin"];
    const onFirstInteraction = () => {
      for (const event of events) removeEventListener(event, onFirstInteraction);
      for (const element of elements) observer.observe(element);
    };
    // No capture: a scroll event from an element, such as the theme's sidebar, is not an interaction.
    for (const event of events) addEventListener(event, onFirstInteraction, { passive: true });
    for (const element of elements) {
      // Without a picture, the figure is blank until it is drawn.
      if (!element.querySelector(".plotly-picture")) observer.observe(element);
    }
  }

  addEventListener("load", () => (window.requestIdleCallback ?? setTimeout)(loadPrintPictures));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", initialize);
  else initialize();

  return { receive: (name, json) => received.set(name, json), renderPictures };
})();
