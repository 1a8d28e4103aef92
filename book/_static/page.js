// The policy forbids the theme's inline scripts. These do the same.
{
  const actions = { print: () => print(), "full-screen": () => toggleFullScreen() };

  document.addEventListener("click", (event) => {
    actions[event.target.closest("[data-action]")?.dataset.action]?.();
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector(".bd-search-container input")?.select();
  });
}
