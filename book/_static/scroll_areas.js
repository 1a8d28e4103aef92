// A formula, a table, an output or code that is too wide scrolls inside itself. Where one does, the keyboard reaches it
// and a screen reader names it; where nothing is hidden, it is no stop on the way.
(() => {
  const KINDS = {
    ".katex-display": "Formula",
    ".pst-scrollable-table-container": "Table",
    ".cell_output > .output": "Output",
  };

  function follow(area, resized, attributes) {
    const set = (scrolls) => {
      for (const [attribute, value] of Object.entries({ tabindex: "0", ...attributes })) {
        if (scrolls) area.setAttribute(attribute, value);
        else area.removeAttribute(attribute);
      }
    };
    // What waits to be laid out (layout.js) has no size yet, and may be too wide.
    if (area.closest(".waits")) set(true);
    const observer = new ResizeObserver(() => set(area.scrollWidth > area.clientWidth));
    for (const element of resized) observer.observe(element);
  }

  for (const [areas, kind] of Object.entries(KINDS)) {
    document.querySelectorAll(`main ${areas}`).forEach((area, i) => {
      const number = area.parentElement.querySelector(":scope > .eqno")?.firstChild.textContent;
      const name = number ? `Equation ${number}` : `${kind} ${i + 1} on this page`;
      follow(area, [area, ...area.children], { role: "region", "aria-label": name });
    });
  }
  for (const code of document.querySelectorAll("main pre")) follow(code, [code]);
})();
