// Lay out the blocks below the fold a few at a time, when the browser is idle. Laying out a long page at once blocks a phone
// for half a second. After the first input (layout.html), a block that becomes visible is laid out at once.
{
  const waiting = "layout" in document.documentElement.dataset ? [...document.querySelectorAll(".waits")] : [];

  const layOutAll = () => {
    for (const block of waiting.splice(0)) block.classList.add("laid-out");
  };

  const whenIdle = (act) => (window.requestIdleCallback ?? setTimeout)(act);

  /** Works for at most 5 ms of the idle period of 50 ms. Without a deadline, it lays out one block. */
  const layOutSome = (deadline) => {
    while (waiting.length) {
      const block = waiting.shift();
      block.classList.add("laid-out");
      block.getBoundingClientRect(); // now, so that its time counts
      if (!(deadline?.timeRemaining() > 45)) break;
    }
    if (waiting.length) whenIdle(layOutSome);
  };

  // A link, the Tab key or printing may need any block.
  for (const act of ["click", "keydown", "beforeprint"]) addEventListener(act, layOutAll, { capture: true, once: true });

  addEventListener("load", () => whenIdle(layOutSome));
}
