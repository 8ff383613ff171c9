// The gallery: thumbnails follow the picture in view, and a picture opens large in a dialog.
const gallery = document.querySelector("[data-gallery]");
const reel = gallery.querySelector(".reel");
const thumbs = [...gallery.querySelectorAll("[data-thumb]")];

thumbs.forEach((thumb, i) =>
  thumb.addEventListener("click", (event) => {
    event.preventDefault();
    reel.children[i].scrollIntoView({ block: "nearest", inline: "start" });
  }),
);
if (thumbs.length) {
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        const now = [...reel.children].indexOf(target);
        thumbs.forEach((thumb, i) => (i === now ? thumb.setAttribute("aria-current", "true") : thumb.removeAttribute("aria-current")));
      }
    },
    { root: reel, threshold: 0.6 },
  );
  for (const slide of reel.children) seen.observe(slide);
}

let dialog;
gallery.addEventListener("click", (event) => {
  const link = event.target.closest("[data-zoom]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.className = "zoom";
    const close = gallery.querySelector("template").content.cloneNode(true);
    dialog.append(close, new Image());
    dialog.addEventListener("click", () => dialog.close());
    document.body.append(dialog);
  }
  const [large, small] = [dialog.querySelector("img"), link.querySelector("img")];
  Object.assign(large, { src: link.href, alt: small.alt, width: 1600, height: 1600 });
  dialog.setAttribute("aria-label", small.alt);
  dialog.showModal();
  const [x, y] = [(large.offsetWidth - dialog.clientWidth) / 2, (large.offsetHeight - dialog.clientHeight) / 2];
  dialog.scrollTo(x, y);
});
