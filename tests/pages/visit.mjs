// One visit of one browser that nobody knows yet: a page of the shop in some state, and all that was
// seen on the way there.
import puppeteer from "puppeteer-core";
import { atEnd } from "./ending.mjs";

export const PHONE = { width: 390, height: 844 };
export const TABLET = { width: 820, height: 1180 };
export const DESK = { width: 1440, height: 900 };

export async function startBrowser() {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Containers have no user but root, and little shared memory.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none"],
    defaultViewport: PHONE,
  });
  atEnd(() => browser.close());
  return browser;
}

export class Visit {
  /// `change(url, text)` may give another text for a page, style sheet or script: how the checks are
  /// tried (broken.mjs).
  static async begin(browser, shop, { script = true, scheme = "light", size = PHONE, change } = {}) {
    const visit = new Visit();
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    Object.assign(visit, { shop, context, page, script, change, said: [], loaded: [], answer: null });
    visit.tools = await page.createCDPSession();
    await visit.tools.send("Emulation.setFocusEmulationEnabled", { enabled: true });
    await page.setViewport(size);
    await page.setJavaScriptEnabled(script);
    await visit.wear(scheme);
    await visit.listen();
    if (change) await visit.alter(change);
    return visit;
  }

  end() {
    return this.context.close();
  }

  /// Shows the page in the light or the dark scheme, and holds still.
  wear(scheme) {
    return this.page.emulateMediaFeatures([
      { name: "prefers-color-scheme", value: scheme },
      { name: "prefers-reduced-motion", value: "reduce" },
    ]);
  }

  async listen() {
    const { page, tools } = this;
    page.on("console", (line) => {
      // What did not come is noted below; a page that is not there, or refuses a form, is just what was asked for.
      const isOfLoading = line.text().startsWith("Failed to load resource");
      if (["error", "warn"].includes(line.type()) && !isOfLoading) this.said.push(line.text());
    });
    page.on("pageerror", (error) => this.said.push(String(error)));
    page.on("response", (answer) => {
      const asked = answer.request();
      if (asked.isNavigationRequest() && asked.frame() === page.mainFrame()) this.answer = answer;
      else if (answer.status() >= 400) this.said.push(`${answer.status()} for ${answer.url()}`);
    });
    page.on("requestfailed", (asked) => {
      const why = asked.failure()?.errorText;
      if (why !== "net::ERR_ABORTED") this.said.push(`${why} for ${asked.url()}`);
    });
    await page.evaluateOnNewDocument(() => {
      addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ""}`),
      );
    });
    await tools.send("Network.enable");
    const kinds = new Map();
    tools.on("Network.responseReceived", ({ requestId, type, response }) =>
      kinds.set(requestId, { type, url: response.url }),
    );
    tools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) =>
      this.loaded.push({ ...kinds.get(requestId), bytes: encodedDataLength }),
    );
  }

  async alter(change) {
    const { page } = this;
    await page.setRequestInterception(true);
    page.on("request", async (asked) => {
      const isText = ["document", "stylesheet", "script"].includes(asked.resourceType());
      if (!isText || asked.method() !== "GET") return asked.continue();
      const answer = await fetch(asked.url(), { headers: asked.headers() });
      const text = await answer.text();
      const headers = Object.fromEntries(answer.headers);
      for (const name of ["content-encoding", "content-length"]) delete headers[name];
      await asked.respond({ status: answer.status, headers, body: change(asked.url(), text) ?? text });
    });
  }

  /// Goes to an address of the shop and waits until all of the page is there.
  async go(path) {
    await this.page.goto(new URL(path, this.shop.origin).href, { waitUntil: "load" });
  }

  /// Shows an answer that the shop gave somebody else.
  async show(path, answer) {
    const { page } = this;
    const url = new URL(path, this.shop.origin).href;
    const give = (asked) => (asked.url() === url ? asked.respond(answer) : asked.continue());
    await page.setRequestInterception(true);
    page.on("request", give);
    await page.goto(url, { waitUntil: "load" });
    page.off("request", give);
    await page.setRequestInterception(false);
  }

  /// Waits until nothing more is loaded. A stream of stock is never done, so requests under way say nothing.
  async settled() {
    for (let before = -1; before < this.loaded.length; ) {
      before = this.loaded.length;
      await new Promise((done) => setTimeout(done, 500));
    }
  }

  /// Sends a form as a browser without scripts does, with these fields filled in and nothing checked
  /// before. A field that is true or false is a box; `button` is the name of the button that sends it.
  async send(form, fields = {}, button = null) {
    const arrived = this.page.waitForNavigation({ waitUntil: "load" });
    const sent = this.page.evaluate(
      (form, fields, button) => {
        const sent = document.querySelector(form);
        for (const [name, value] of Object.entries(fields)) {
          const all = [...sent.elements].filter((field) => field.name === name);
          if (!all.length) throw new Error(`${form} has no field ${name}`);
          for (const field of all) {
            if (typeof value === "boolean") field.checked = value;
            else if (field.type === "radio") field.checked = field.value === value;
            else field.value = value;
          }
        }
        if (button) {
          const pressed = document.createElement("input");
          Object.assign(pressed, { type: "hidden", name: button, value: "1" });
          sent.append(pressed);
        }
        // Not requestSubmit: neither the browser's own checks nor a script come in between.
        HTMLFormElement.prototype.submit.call(sent);
      },
      form,
      fields,
      button,
    );
    await Promise.all([arrived, sent]);
  }

  /// Puts a product into the cart.
  async buy(handle, quantity = 1) {
    await this.go(`/p/${handle}`);
    await this.send("form[action='/cart/lines']", { quantity: String(quantity) });
  }

  /// Presses something that scripts act on, and waits for what comes of it.
  async press(selector, seen) {
    await this.page.waitForSelector(selector, { visible: true });
    await this.page.click(selector);
    await this.page.waitForSelector(seen, { visible: true });
  }

  /// The page as it was sent.
  html() {
    return this.answer.text();
  }

  /// Asks the page with a function of its own, which sees nothing from outside but its arguments.
  ask(question, ...words) {
    return this.page.evaluate(question, ...words);
  }
}
