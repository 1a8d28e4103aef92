// What is below the fold is laid out a few blocks at a time, when the browser has nothing else to do: all of a long page at
// once, and a phone answers to nothing for half a second. Once the reader has done anything (layout.html), a block that
// comes into sight does not wait.
{
  const waiting = "layout" in document.documentElement.dataset ? [...document.querySelectorAll(".waits")] : [];

  const layOutAll = () => {
    for (const block of waiting.splice(0)) block.classList.add("laid-out");
  };

  const whenIdle = (act) => (window.requestIdleCallback ?? setTimeout)(act);

  /** Takes five milliseconds of the fifty that the browser gives at most; one block where it does not say how many. */
  const layOutSome = (deadline) => {
    while (waiting.length) {
      const block = waiting.shift();
      block.classList.add("laid-out");
      block.getBoundingClientRect(); // now, so that its time counts
      if (!(deadline?.timeRemaining() > 45)) break;
    }
    if (waiting.length) whenIdle(layOutSome);
  };

  // A link, the Tab key and paper may lead to any of them.
  for (const act of ["click", "keydown", "beforeprint"]) addEventListener(act, layOutAll, { capture: true, once: true });

  addEventListener("load", () => whenIdle(layOutSome));
}
