// What the theme has as scripts in the page itself.
{
  const actions = { print: () => print(), "full-screen": () => toggleFullScreen() };

  document.addEventListener("click", (event) => {
    actions[event.target.closest("[data-does]")?.dataset.does]?.();
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector(".bd-search-container input")?.select();
  });
}
