// Fills and changes the cart without leaving the place. Where anything is unexpected, the form is
// sent as if this file were not there.
import { count, say, send } from "./fragment.js";

const plainly = (form) => {
  form.dataset.plain = "";
  form.requestSubmit();
};

async function add(form, button) {
  const { ok, page } = await send(form, button);
  const told = page.querySelector("[data-fragment=added]");
  const fault = page.querySelector("[data-fragment=fault]");
  const place = form.querySelector("[data-fault]");
  if (place) place.hidden = true;
  if (fault && place) {
    place.textContent = fault.textContent.trim();
    place.hidden = false;
    return;
  }
  if (!ok || !told) return plainly(form);
  count(page);
  let dialog = document.querySelector("dialog.added");
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.className = "added";
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    document.body.append(dialog);
  }
  dialog.replaceChildren(told);
  const title = dialog.querySelector("h2");
  title.id ||= "added-title";
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.showModal();
}

async function swap(form, button) {
  const id = form.dataset.swap;
  const { page } = await send(form, button);
  const fresh = page.getElementById(id);
  if (!fresh) return plainly(form);
  const focus = document.activeElement?.id;
  const again = document.importNode(fresh, true);
  document.getElementById(id).replaceWith(again);
  count(page);
  const held = focus && document.getElementById(focus);
  if (held) held.focus();
  else {
    const title = again.querySelector("h1");
    title.tabIndex = -1;
    title.focus();
  }
  say(again.querySelector(".sum")?.textContent ?? again.querySelector("h1").textContent);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const work = form.matches("[data-add]") ? add : form.matches("[data-swap]") ? swap : null;
  if (!work || "plain" in form.dataset || event.defaultPrevented) return;
  event.preventDefault();
  if (form.ariaBusy === "true") return;
  const button = event.submitter ?? form.querySelector("button");
  form.ariaBusy = button.ariaBusy = "true";
  try {
    await work(form, event.submitter);
  } catch {
    plainly(form);
  } finally {
    form.ariaBusy = button.ariaBusy = "false";
  }
});

// A number that was changed needs no button.
document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-swap] input[type=number]") && target.checkValidity()) target.form.requestSubmit();
});

// The price of the choice that was taken, and its address.
document.addEventListener("change", ({ target }) => {
  if (target.name !== "sku" || !target.dataset.price) return;
  const { price, was } = target.dataset;
  const [now, before] = [document.createElement("ins"), document.createElement("del")];
  now.textContent = target.form.querySelector("[data-total]").textContent = price;
  before.textContent = was;
  target.form.querySelector("[data-price] .price").replaceChildren(now, ...(was ? [" ", before] : []));
  const url = new URL(location);
  url.searchParams.set("variant", target.value);
  history.replaceState(history.state, "", url);
});
