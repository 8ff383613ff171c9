// Suggestions below the search box (combobox with a list). Enter on none of them searches.
const form = document.querySelector("[data-suggest]");
const input = form.querySelector("input");
const list = document.createElement("ul");
list.className = "hits";
list.id = "hits";
list.hidden = true;
list.role = "listbox";
list.ariaLabel = form.querySelector("label").textContent;
form.append(list);
input.role = "combobox";
input.ariaAutoComplete = "list";
input.ariaExpanded = "false";
input.setAttribute("aria-controls", "hits");

const kinds = { category: "Category", brand: "Brand" };
const known = new Map();
let at = -1;
let timer;
let asked;

const address = ({ kind, handle, text }) =>
  kind === "product" ? `/p/${encodeURIComponent(handle)}` : `/search?${kind}=${encodeURIComponent(text)}`;

function mark(n) {
  at = n;
  [...list.children].forEach((row, i) => (row.ariaSelected = String(i === n)));
  if (n < 0) input.removeAttribute("aria-activedescendant");
  else input.setAttribute("aria-activedescendant", `hit-${n}`);
}
function close() {
  list.hidden = true;
  input.ariaExpanded = "false";
  mark(-1);
}
function show(found) {
  list.replaceChildren(
    ...found.map((hit, i) => {
      const row = document.createElement("li");
      row.id = `hit-${i}`;
      row.role = "option";
      row.dataset.href = hit.url ?? address(hit);
      row.append(hit.text);
      if (kinds[hit.kind]) {
        const kind = document.createElement("small");
        kind.textContent = kinds[hit.kind];
        row.append(" ", kind);
      }
      return row;
    }),
  );
  mark(-1);
  list.hidden = !found.length;
  input.ariaExpanded = String(!list.hidden);
}
async function ask() {
  const q = input.value.trim();
  if (q.length < 2) return close();
  if (known.has(q)) return show(known.get(q));
  asked?.abort();
  asked = new AbortController();
  try {
    const answer = await fetch(`/v1/search/suggest?q=${encodeURIComponent(q)}`, { signal: asked.signal });
    if (!answer.ok) return close();
    const { data } = await answer.json();
    known.set(q, data);
    if (input.value.trim() === q && document.activeElement === input) show(data);
  } catch {
    // Typed on, or no connection.
  }
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, 60);
});
input.addEventListener("keydown", (event) => {
  const n = list.children.length;
  if (event.key === "Escape" && !list.hidden) {
    event.preventDefault();
    close();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && n) {
    event.preventDefault();
    if (list.hidden) show(known.get(input.value.trim()) ?? []);
    const step = event.key === "ArrowDown" ? 1 : -1;
    mark(((at + 1 + step + n + 1) % (n + 1)) - 1);
  } else if (event.key === "Enter" && at >= 0) {
    event.preventDefault();
    location.assign(list.children[at].dataset.href);
  }
});
input.addEventListener("blur", () => setTimeout(close, 120));
list.addEventListener("pointerdown", (event) => event.preventDefault());
list.addEventListener("click", (event) => {
  const row = event.target.closest("[role=option]");
  if (row) location.assign(row.dataset.href);
});
