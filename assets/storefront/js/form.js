// Another country or delivery brings its own fields and sums; a form is sent once.
import { say, send } from "./fragment.js";

const form = document.querySelector("[data-parts]");

const busy = (is) => form.querySelector("#summary")?.setAttribute("aria-busy", is);
let turn = 0;
async function refresh(target) {
  const mine = ++turn;
  busy("true");
  try {
    // As if by the button for those without scripts: nothing is bought, what was typed comes back.
    const { page } = await send(form, form.querySelector("button[name=refresh]"));
    if (mine !== turn) return;
    const { id, value } = document.activeElement ?? {};
    for (const part of form.querySelectorAll("[data-part]")) {
      const fresh = page.getElementById(part.id);
      // What is being typed elsewhere stays.
      const stays = part.id === "payment" || (part.id === "address" && target?.id !== "country");
      if (fresh && !stays) part.replaceWith(document.importNode(fresh, true));
    }
    const held = id ? document.getElementById(id) : value && form.querySelector(`[value="${CSS.escape(value)}"]`);
    held?.focus();
    say(form.querySelector(".sum")?.textContent);
  } catch {
    for (const spare of form.querySelectorAll("[data-nojs]")) spare.dataset.shown = "";
  } finally {
    busy("false");
  }
}
form.addEventListener("change", ({ target }) => target.matches("[data-refresh]") && refresh(target));

let words;
form.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (form.dataset.sent) return event.preventDefault();
  // Enter in a field presses the first button. While that is hidden, nobody means it.
  if (button?.name === "refresh" && !button.checkVisibility()) return event.preventDefault();
  if (!button?.dataset.busy) return;
  form.dataset.sent = "1";
  words = [...button.childNodes];
  // After the browser has gathered the form, for a disabled button is not in it.
  setTimeout(() => {
    button.disabled = true;
    button.ariaBusy = "true";
    button.textContent = button.dataset.busy;
    say(button.dataset.busy);
  });
});
// Back from the next page it may be sent again; its key sees to it that it buys once.
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted || !form.dataset.sent) return;
  const button = form.querySelector("[data-busy]");
  delete form.dataset.sent;
  button.disabled = false;
  button.ariaBusy = "false";
  button.replaceChildren(...words);
});
