// A formula, a table, an output or code that is too wide gets a scroll bar. Then it is in the tab order and has a name for
// screen readers. Areas that do not scroll are not in the tab order.
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
    // A block that is not laid out yet (layout.js) has no size, and may be too wide.
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
