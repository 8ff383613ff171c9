// Loads what the page has a use for. Each page works without any of it.
const wanted = [
  ["[data-suggest]", "suggest"],
  ["[data-add], [data-swap]", "cart"],
  ["[data-stock]", "stock"],
  ["[data-gallery]", "zoom"],
  ["[data-parts]", "form"],
];
for (const [selector, name] of wanted) if (document.querySelector(selector)) import(`./${name}.js`);

// A list of faults is read first.
document.querySelector("[data-errors]")?.focus();

// The menu of sorts closes by a look elsewhere.
const open = () => document.querySelector(".sort[open]");
addEventListener("click", ({ target }) => {
  if (!open()?.contains(target)) open()?.removeAttribute("open");
});
addEventListener("keydown", ({ key }) => {
  const menu = key === "Escape" && open();
  if (!menu) return;
  menu.open = false;
  menu.firstElementChild.focus();
});

// "One moment": says when another try is worth it, and never reloads by itself.
const again = document.querySelector("[data-again]");
if (again) {
  const words = document.querySelector("[data-again-words]");
  setTimeout(() => (words.textContent = "It is worth another try now."), again.dataset.again * 1000);
}
