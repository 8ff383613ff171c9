// Every picture says how large it is, so nothing moves when it comes; and what it is, or that it is nothing.
export function pictures(visit) {
  return visit.ask(() =>
    [...document.querySelectorAll("img")].flatMap((img) => {
      const sized = ["width", "height"].every((name) => Number(img.getAttribute(name)) > 0);
      return [...(sized ? [] : ["no size"]), ...(img.hasAttribute("alt") ? [] : ["no alt"])].map(
        (fault) => `${fault}: ${img.outerHTML.slice(0, 120)}`,
      );
    }),
  );
}
