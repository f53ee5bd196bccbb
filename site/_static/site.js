// Two things that pages do beyond being read: code of a lesson is shown or hidden as a whole, and search works without a server.

// Summaries of search results are fetched from pages, which browsers refuse for files that are opened from a folder.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

document.addEventListener("DOMContentLoaded", () => {
  const title = document.querySelector("article h1");
  const cells = document.querySelectorAll("div.cell_input");
  if (title && cells.length) {
    title.after(codeSwitch());
  }
});

// The buttons "show all code" and "hide all code"; a press on the one that is active goes back to how the page came.
function codeSwitch() {
  const bar = document.createElement("div");
  bar.className = "code-switch";
  const buttons = ["shown", "hidden"].map((wanted) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = wanted === "shown" ? "Show all code" : "Hide all code";
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const state = button.getAttribute("aria-pressed") === "true" ? "" : wanted;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button && state !== "")));
      document.body.dataset.code = state;
      document.querySelectorAll("div.cell details.hide").forEach((fold) => (fold.open = state === "shown"));
    });
    return button;
  });
  bar.append(...buttons);
  return bar;
}
