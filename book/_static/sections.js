// The sections of a page are laid out one by one, when the browser has nothing else to do: all of a long page at once, and
// a phone answers to nothing for half a second. What the reader sees is not one of those that wait.
{
  const layOutAll = () => delete document.documentElement.dataset.sections;

  // A link, the Tab key and paper may lead to any of them.
  for (const act of ["click", "keydown", "beforeprint"]) addEventListener(act, layOutAll, { capture: true, once: true });

  addEventListener("load", async () => {
    for (const section of document.querySelectorAll(".bd-article > section > :is(section, dl.py)")) {
      await new Promise((done) => (window.requestIdleCallback ?? setTimeout)(done));
      section.classList.add("laid-out");
    }
    layOutAll();
  });
}
