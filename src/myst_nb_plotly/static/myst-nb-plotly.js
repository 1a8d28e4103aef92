// Brings the Plotly figures of a page to life: pictures first, Plotly once a reader acts, native controls.
// The same code draws the pictures while the site is built.
window.mystNbPlotly = (() => {
  "use strict";

  const NARROW = 600; // px of a figure's width below which it is arranged for a narrow screen; the style says it too
  const PICTURE = { wide: 728, narrow: 342 }; // px: a laptop's column of text, and a phone's; the style says the first too
  const NEAR = "600px"; // how far from the window a figure is drawn
  const SLOW = 500; // ms that each frame of an animation stays for readers who want less motion
  const INK = "#c5ced6";
  const LINE = "rgba(140, 150, 160, 0.35)";
  const CLEAR = "rgba(0,0,0,0)";
  const AXIS = { gridcolor: LINE, zerolinecolor: LINE, linecolor: LINE, tickcolor: LINE };
  const SPACE = { ...AXIS, backgroundcolor: CLEAR };
  /** What a figure's template says in the dark instead. */
  const DARK = {
    xaxis: AXIS,
    yaxis: AXIS,
    polar: { bgcolor: CLEAR, angularaxis: AXIS, radialaxis: AXIS },
    ternary: { bgcolor: CLEAR, aaxis: AXIS, baxis: AXIS, caxis: AXIS },
    scene: { xaxis: SPACE, yaxis: SPACE, zaxis: SPACE },
    geo: { bgcolor: CLEAR },
  };

  const MISSING = "–";

  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

  /** `over` laid on `base`, entry by entry. */
  function merged(base, over) {
    if (!isObject(base) || !isObject(over)) return over;
    const result = { ...base };
    for (const key of Object.keys(over)) result[key] = merged(base[key], over[key]);
    return result;
  }

  /** The names on the way to a value in a layout: "annotations[0].x" is annotations, 0, x. */
  const steps = (path) => path.replace(/\[(\d+)\]/g, ".$1").split(".");

  const valueAt = (layout, path) => steps(path).reduce((value, name) => value?.[name], layout);

  /** A copy of the layout with the changes, which are named by their paths as in `Plotly.relayout`. */
  function changed(layout, changes) {
    const copy = structuredClone(layout);
    for (const [path, value] of Object.entries(changes)) {
      const names = steps(path);
      const last = names.pop();
      let place = copy;
      for (const name of names) place = isObject(place[name]) || Array.isArray(place[name]) ? place[name] : (place[name] = {});
      place[last] = value;
    }
    return copy;
  }

  /** What to change in a layout for each of its states. */
  function changesOf({ sliders, updatemenus, meta, ...layout }) {
    const beside = layout.legend?.orientation !== "h";
    const legend = { "legend.orientation": "h", "legend.x": 0, "legend.yref": "container", "legend.y": 0, "legend.yanchor": "bottom" };
    return {
      dark: {
        template: merged(layout.template ?? {}, { layout: DARK }),
        "font.color": INK,
        paper_bgcolor: CLEAR,
        plot_bgcolor: CLEAR,
      },
      narrow: isObject(meta?.narrow) ? meta.narrow : beside ? legend : {},
    };
  }

  /** The changes of a state, or those that take them back. */
  function towards(layout, changes, on) {
    return on ? changes : Object.fromEntries(Object.keys(changes).map((path) => [path, valueAt(layout, path) ?? null]));
  }

  /** The steps or buttons that are to be seen. */
  const visible = (entries) => entries.filter((entry) => entry.visible ?? true);

  /** A value of a trace as the table shows it: numbers with four digits. */
  function inWords(value) {
    if (value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value))) return MISSING;
    if (typeof value !== "number") return String(value);
    const size = Math.abs(value);
    if (size === 0 || (size >= 1e-4 && size < 1e6)) return String(Number(value.toPrecision(4)));
    const [digits, exponent] = value.toExponential(3).split("e");
    return `${Number(digits)}e${Number(exponent)}`;
  }

  const height = (layout) => (layout.height > 0 ? layout.height : 450);

  /** A figure's layout without what native controls replace. */
  function bare({ sliders, updatemenus, ...layout }) {
    return { ...layout, height: height(layout) };
  }

  /** A picture with its attributes in alphabetical order: Plotly's depends on what it drew before. */
  function ordered(svg) {
    const picture = new DOMParser().parseFromString(svg, "image/svg+xml");
    for (const element of picture.querySelectorAll("*")) {
      const attributes = [...element.attributes].sort((one, other) => (one.name < other.name ? -1 : 1));
      for (const attribute of attributes) element.removeAttributeNode(attribute);
      for (const attribute of attributes) element.setAttributeNode(attribute);
    }
    return new XMLSerializer().serializeToString(picture);
  }

  /** The pictures of a figure, by name. */
  async function pictures(figure) {
    const svgs = {};
    const layout = bare(figure.layout);
    const changes = changesOf(layout);
    for (const [size, width] of Object.entries(PICTURE)) {
      for (const theme of ["light", "dark"]) {
        const state = { ...(theme === "dark" && changes.dark), ...(size === "narrow" && changes.narrow), width };
        const picture = changed(layout, state);
        // Plotly names parts of a picture at random: the same figure is to be the same file.
        let seed = 1;
        Math.random = () => (seed = (16807 * seed) % 2147483647) / 2147483647;
        const data = structuredClone(figure.data ?? []);
        const svg = await Plotly.toImage(
          { data, layout: picture },
          { format: "svg", imageDataOnly: true, width, height: height(picture) },
        );
        svgs[`${size}-${theme}`] = ordered(svg);
      }
    }
    return svgs;
  }

  /** Loads a script once for the page; after a failure the next wish tries again. */
  const load = (() => {
    const loaded = new Map();
    return (address) => {
      if (!loaded.has(address)) {
        loaded.set(
          address,
          new Promise((resolve, reject) => {
            const script = document.createElement("script");
            script.src = address;
            script.onload = resolve;
            script.onerror = () => {
              loaded.delete(address);
              script.remove();
              reject(new Error(`could not load ${script.src}`));
            };
            document.head.append(script);
          }),
        );
      }
      return loaded.get(address);
    };
  })();

  /** The figures that have arrived, as JSON. Figures are scripts, because a page that is a file can load nothing else. */
  const received = new Map();

  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

  /**
   * Makes sure that one update is under way at a time, and that the newest wish comes next.
   * @param {(wish: any) => Promise<any>} update
   */
  function latestOnly(update) {
    let running = false;
    let waiting = [];
    return async (wish) => {
      waiting = [wish];
      if (running) return;
      running = true;
      try {
        while (waiting.length) {
          await update(waiting.pop());
          await frame();
        }
      } finally {
        running = false;
      }
    };
  }

  const theme = (element) => getComputedStyle(element).getPropertyValue("--plotly-theme").trim();
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  /** The arguments of an animation, with less motion for those who want less. */
  function calmed([what, options = {}]) {
    const slow = (timing) => ({ ...timing, duration: Math.max(timing?.duration ?? SLOW, SLOW) });
    const frames = Array.isArray(options.frame) ? options.frame.map(slow) : slow(options.frame);
    // A step of a slider is one frame, and that is shown at once.
    const single = Array.isArray(what) && what.length < 2;
    return [what, { ...options, transition: { duration: 0 }, frame: single ? { ...options.frame, duration: 0 } : frames }];
  }

  /** One figure on the page. */
  class Figure {
    /** @param {HTMLElement} element */
    constructor(element) {
      this.element = element;
      this.target = element.querySelector(".plotly-drawing");
      this.controls = element.querySelector(".plotly-controls");
      this.move = latestOnly((wish) => this.apply(wish));
      this.controls?.addEventListener("input", (event) => this.use(event.target));
      this.controls?.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button) this.use(button);
      });
    }

    /** A reader uses a control. */
    use(control) {
      const { slider, menu, button } = control.dataset;
      this.used = control;
      if (slider !== undefined) {
        this.say(control);
        this.move(({ sliders }) => visible(sliders[slider].steps)[control.valueAsNumber]);
      } else if (control.matches("button")) {
        const again = control.getAttribute("aria-pressed") === "true";
        for (const other of this.controls.querySelectorAll(`button[data-menu="${menu}"][aria-pressed]`)) {
          other.setAttribute("aria-pressed", String(other === control));
        }
        this.move(({ updatemenus }) => {
          const entry = updatemenus[menu].buttons[button];
          if (!again || !entry.args2) return entry;
          control.setAttribute("aria-pressed", "false");
          return { ...entry, args: entry.args2 };
        });
      } else {
        this.move(({ updatemenus }) => updatemenus[menu].buttons[control.value]);
      }
    }

    /** Says a slider's value in words. */
    say(slider) {
      const words = JSON.parse(slider.dataset.words)[slider.valueAsNumber];
      slider.setAttribute("aria-valuetext", words);
      slider.closest(".plotly-slider").querySelector("output").textContent = words;
    }

    /** Draws the figure, if it is not drawn yet. */
    draw() {
      this.drawing ??= this.start().catch((error) => {
        this.drawing = undefined; // The next wish tries again.
        this.report(error);
        throw error;
      });
      return this.drawing;
    }

    report(error) {
      console.error(error);
      const problem = this.element.querySelector(".plotly-problem") ?? document.createElement("p");
      problem.className = "plotly-problem";
      problem.setAttribute("role", "alert");
      problem.textContent = `This figure could not be made interactive: ${error.message}`;
      this.element.append(problem);
    }

    async start() {
      const { figure: name, folder, bundle } = this.element.dataset;
      await Promise.all([load(`${folder}/${bundle}`), load(`${folder}/${name}.js`)]);
      const { data = [], frames, layout } = JSON.parse(received.get(name));
      this.layout = layout;
      this.changes = changesOf(layout);
      this.state = this.wanted();
      const { dark, narrow, width } = this.state;
      const first = changed(bare(layout), {
        ...(dark && this.changes.dark),
        ...(narrow && this.changes.narrow),
        width,
      });
      await Plotly.newPlot(this.target, data, first, { displayModeBar: false, responsive: false });
      if (frames?.length) await Plotly.addFrames(this.target, frames);
      this.target.on("plotly_animatingframe", (event) => this.follow(event.name));
      await this.fit();
      await frame(); // Plotly has painted; only now the picture goes.
      this.element.querySelector(".plotly-problem")?.remove();
      this.element.dataset.drawn = "yes";
      const refit = latestOnly(() => this.fit());
      new ResizeObserver(refit).observe(this.element);
      for (const root of [document.documentElement, document.body]) {
        new MutationObserver(refit).observe(root, { attributeFilter: ["class", "data-theme", "style"] });
      }
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refit);
    }

    /** How the figure is to be drawn now. */
    wanted() {
      const width = this.element.clientWidth || PICTURE.wide;
      return { dark: theme(this.element) === "dark", narrow: width < NARROW, width };
    }

    /** Follows theme and width of the page. */
    async fit() {
      const { dark, narrow, width } = this.wanted();
      const layout = bare(this.layout);
      const update = {
        ...(dark !== this.state.dark && towards(layout, this.changes.dark, dark)),
        ...(narrow !== this.state.narrow && towards(layout, this.changes.narrow, narrow)),
        ...(width !== this.state.width && { width }),
      };
      this.state = { dark, narrow, width };
      if (Object.keys(update).length) await Plotly.relayout(this.target, structuredClone(update));
    }

    /**
     * Applies what a control stands for.
     * @param {(layout: any) => any} choose finds a step or a button in the figure's layout
     */
    async apply(choose) {
      try {
        await this.draw();
      } catch {
        return; // Already said.
      }
      const { method = "restyle", args = [] } = choose(this.layout);
      const own = structuredClone(args); // Plotly writes into what it is given.
      const plays = method === "animate" && !(Array.isArray(own[0]) && own[0].length === 1);
      if (method !== "skip") {
        const running = Plotly[method](this.target, ...(method === "animate" && calm.matches ? calmed(own) : own));
        // Plotly rejects an animation, with nothing, when a newer one overtakes it.
        const done = Promise.resolve(running).catch((error) => error && console.error(error));
        if (!plays) await done;
      }
      this.count();
    }

    /** A frame is shown: the sliders that lead to it say so, unless a slider is what led to it. */
    follow(name) {
      if (this.used?.dataset.slider !== undefined) return;
      requestAnimationFrame(() => this.count()); // Plotly says so before it does so.
      for (const slider of this.controls?.querySelectorAll("input[data-slider]") ?? []) {
        const steps = visible(this.layout.sliders[slider.dataset.slider].steps);
        const index = steps.findIndex(({ method, args }) => method === "animate" && args?.[0]?.[0] === name);
        if (index >= 0) {
          slider.value = String(index);
          this.say(slider);
        }
      }
    }

    /** Writes the numbers that are drawn into the table. */
    count() {
      const body = this.element.querySelector(".plotly-numbers tbody");
      if (!body) return;
      const { table } = this.layout.meta;
      const all = this.target._fullData;
      const traces = table === true ? all : table.map((position) => all[position]);
      const rows = new Map();
      traces.forEach((trace, column) => {
        const [along, value] = trace.orientation === "h" ? ["y", "x"] : ["x", "y"];
        trace[value]?.forEach((number, position) => {
          const name = inWords(trace[along]?.[position] ?? position);
          if (!rows.has(name)) rows.set(name, traces.map(() => MISSING));
          const words = inWords(number);
          rows.get(name)[column] = words === MISSING ? trace.hovertext?.[position] || MISSING : words;
        });
      });
      [...rows].forEach(([name, cells], index) => {
        const row = body.rows[index] ?? body.insertRow();
        if (!row.cells.length) {
          const head = document.createElement("th");
          head.scope = "row";
          row.append(head);
          for (const _ of cells) row.insertCell();
        }
        // Most words stay from step to step, and each that is written costs time.
        [name, ...cells].forEach((words, column) => {
          if (row.cells[column].textContent !== words) row.cells[column].textContent = words;
        });
      });
      while (body.rows.length > rows.size) body.deleteRow(-1);
    }
  }

  /** Loads the pictures for paper, when all else is there: printing waits for none, and the screen may not need them. */
  function prepareForPaper() {
    for (const picture of document.querySelectorAll(".plotly-wide.plotly-light")) picture.loading = "eager";
  }

  /** Begins when the page has been read. */
  function begin() {
    const figures = new Map([...document.querySelectorAll(".plotly-figure")].map((element) => [element, new Figure(element)]));
    const near = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          near.unobserve(target);
          figures.get(target).draw().catch(() => {}); // Already said.
        }
      },
      { rootMargin: NEAR },
    );
    const signs = ["pointermove", "pointerdown", "touchstart", "wheel", "scroll", "keydown", "focusin"];
    /** The reader is there: from now on figures that are near become interactive. */
    const act = () => {
      for (const sign of signs) removeEventListener(sign, act);
      for (const element of figures.keys()) near.observe(element);
    };
    // Not while they are captured: a theme that scrolls its own menu is no reader.
    for (const sign of signs) addEventListener(sign, act, { passive: true });
    for (const element of figures.keys()) {
      // Without a picture there is nothing to see before the drawing.
      if (!element.querySelector(".plotly-picture")) near.observe(element);
    }
  }

  addEventListener("load", () => (window.requestIdleCallback ?? setTimeout)(prepareForPaper));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();

  return { receive: (name, json) => received.set(name, json), pictures };
})();
