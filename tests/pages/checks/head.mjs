// How the page is answered and what stands around it: one heading, landmarks, a title; a public page says what search engines
// show of it, and somebody's own keeps them away.
export async function head(visit, state) {
  const page = await visit.ask(() => {
    const meta = (name) => document.querySelector(`meta[name="${name}"], meta[property="${name}"]`)?.content;
    return {
      title: document.title,
      description: meta("description"),
      canonical: document.querySelector("link[rel=canonical]")?.href,
      robots: meta("robots"),
      og: ["og:title", "og:type", "og:url", "og:site_name"].filter((name) => !meta(name)),
      language: document.documentElement.lang,
      headings: [...document.querySelectorAll("h1")].filter((heading) => heading.checkVisibility()).length,
      landmarks: ["header", "main#main"].filter((name) => !document.querySelector(name)),
      path: location.pathname,
    };
  });
  const faults = [];
  const hold = (holds, fault) => holds || faults.push(fault);
  hold(visit.answer.status() === (state.status ?? 200), `answered with ${visit.answer.status()}`);
  hold(/\S.* · \S/.test(page.title), `the title is ${JSON.stringify(page.title)}`);
  hold(page.language, "no language");
  hold(page.headings === 1, `${page.headings} headings of the first level`);
  hold(!page.landmarks.length, `no ${page.landmarks}`);
  hold(![402, 422].includes(state.status) || page.title.startsWith("Error: "), "the title of a refused form does not say so");
  if (state.isPublic) {
    hold(page.canonical === visit.shop.origin + (state.canonical ?? page.path), `canonical is ${page.canonical}`);
    hold(page.description?.length > 10 && page.description.length <= 160, `description: ${page.description}`);
    hold(!page.robots, `robots: ${page.robots}`);
    hold(!page.og.length, `no ${page.og}`);
  } else {
    hold(page.robots?.includes("noindex"), `robots: ${page.robots}`);
    hold(!page.canonical, `canonical is ${page.canonical}`);
  }
  return faults;
}
