// A formula, a table or an output that is too wide scrolls inside itself. Where one does, the keyboard reaches it and a
// screen reader names it; where nothing is hidden, it is no stop on the way.
(() => {
  const KINDS = { ".katex-display": "Formula", ".pst-scrollable-table-container": "Table", ".cell_output > .output": "Output" };

  function follow(area, name) {
    const update = () => {
      const scrolls = area.scrollWidth > area.clientWidth;
      for (const [attribute, value] of Object.entries({ tabindex: "0", role: "region", "aria-label": name })) {
        if (scrolls) area.setAttribute(attribute, value);
        else area.removeAttribute(attribute);
      }
    };
    const observer = new ResizeObserver(update);
    for (const element of [area, ...area.children]) observer.observe(element);
  }

  for (const [areas, kind] of Object.entries(KINDS)) {
    document.querySelectorAll(`main ${areas}`).forEach((area, i) => {
      const number = area.parentElement.querySelector(":scope > .eqno")?.firstChild.textContent;
      follow(area, number ? `Equation ${number}` : `${kind} ${i + 1} on this page`);
    });
  }
})();
