// Sends a form as the browser would, and asks for the part of the page that changed.
export async function send(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(button?.getAttribute("formaction") ?? form.action, {
    method: "POST",
    body,
    headers: { "X-Fragment": "1", Accept: "text/html" },
    credentials: "same-origin",
  });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return { ok: answer.ok, page, url: answer.url };
}

// The number beside the cart.
export function count(page) {
  const n = page.querySelector("[data-cart-count]")?.dataset.cartCount;
  if (n === undefined) return;
  for (const shown of document.querySelectorAll("[data-count]")) shown.textContent = n === "0" ? "" : n;
  for (const said of document.querySelectorAll("[data-count-words]")) said.textContent = said.textContent.replace(/\d+/, n);
}

// Says something to a screen reader alone.
let voice;
export function say(text) {
  if (!voice) {
    voice = document.createElement("p");
    voice.className = "vh";
    voice.role = "status";
    document.body.append(voice);
  }
  setTimeout(() => (voice.textContent = text), 50);
}
