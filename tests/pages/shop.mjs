// A real shop of its own for each run: `mercat demo` at a free port, and what its staff can do through
// the JSON API.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { atEnd } from "./ending.mjs";

export const ROOT = resolve(import.meta.dirname, "../..");

/// Starts a shop: the binary that `MERCAT_BIN` names, or what `cargo run` builds. It grants as much as
/// anybody asks for, unless it `counts`: the many visits of one run come from one address.
export async function startShop({ program = process.env.MERCAT_BIN, counts = false, log = "warn" } = {}) {
  const [command, before] = program ? [resolve(program), []] : ["cargo", ["run", "--quiet", "--"]];
  // Of a file that may not grow it is told by an error, not by a signal that ends it (`fill`).
  const start = ["-c", 'trap "" XFSZ; exec "$0" "$@"', command, ...before, "demo", "--listen", "127.0.0.1:0"];
  const shop = spawn("sh", start, {
    cwd: ROOT,
    env: { ...process.env, MERCAT_RATE_LIMITS: counts ? "on" : "off", MERCAT_LOG: log },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(shop, "exit");
  process.once("exit", () => shop.kill());
  atEnd(async () => {
    shop.kill("SIGINT");
    await gone;
  });
  const said = await firstLines(shop, gone);
  const find = (pattern) => said.match(pattern) ?? fail(`the demo does not say ${pattern}:\n${said}`);
  const [, origin] = find(/^ *Shop +(http:\/\/\S+?)\/?$/m);
  const [, email, password] = find(/^ *admin +(\S+) +(\S+)$/m);
  const [, ...staff] = find(/^ *staff +(\S+) +(\S+)$/m);
  const [, mails] = find(/^ *Mails +(\S+)$/m);
  return new Shop(origin, mails, staff, shop.pid, await login(origin, email, password));
}

async function firstLines(shop, gone) {
  let said = "";
  const lines = createInterface({ input: shop.stdout });
  const whole = (async () => {
    for await (const line of lines) {
      said += `${line}\n`;
      if (line.startsWith("Stop it")) return said;
    }
  })();
  await Promise.race([whole, gone.then(([code]) => fail(`the shop ended with ${code}:\n${said}`))]);
  return said;
}

function fail(text) {
  throw new Error(text);
}

async function login(origin, email, password) {
  const answer = await send(`${origin}/v1/auth/login`, "POST", { email, password });
  return answer.accessToken;
}

async function send(url, method, body, token) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) fail(`${method} ${url} is answered ${answer.status}: ${text}`);
  return text && JSON.parse(text);
}

class Shop {
  constructor(origin, mails, staff, pid, token) {
    Object.assign(this, { origin, mails, staff, pid, token, customers: 0 });
  }

  /// Nothing can be written any more, as if the disk was full.
  fill() {
    execFileSync("prlimit", ["--pid", String(this.pid), "--fsize=0:"]);
  }

  /// Asks the JSON API as the administrator.
  api(method, path, body) {
    return send(`${this.origin}/v1${path}`, method, body, this.token);
  }

  product(handle) {
    return this.api("GET", `/products/by-handle/${handle}`);
  }

  async sku(handle) {
    return (await this.product(handle)).variants[0].sku;
  }

  /// Sets what is left of a SKU, and gives what was.
  async leave(sku, units) {
    const at = `/inventory/${encodeURIComponent(sku)}`;
    const { available } = await this.api("GET", at);
    const delta = units - available;
    if (delta) await this.api("POST", `${at}/adjustments`, { delta, reason: "count" });
    return available;
  }

  /// Sets the price of a product's first variant.
  async price(handle, price) {
    const { productId, variants } = await this.product(handle);
    variants[0].price = price;
    await this.api("PUT", `/products/${productId}`, { variants });
  }

  /// Makes an account with this password for somebody new, who has shown that the address is theirs.
  async customer(password) {
    const email = `shopper-${(this.customers += 1)}@example.com`;
    await this.api("POST", "/auth/register", { email, password });
    const [token] = (await this.mailed(email, /token=[\w.~-]+/)).split("=").slice(1);
    await this.api("POST", "/auth/verify", { token, password });
    return email;
  }

  /// The first link in the newest mail to somebody that `pattern` finds, waited for.
  async mailed(to, pattern) {
    for (let tries = 0; tries < 1200; tries++) {
      for (const file of (await readdir(this.mails)).filter((file) => file.endsWith(".eml")).sort().reverse()) {
        const mail = await readFile(join(this.mails, file), "utf8");
        if (!mail.includes(to)) continue;
        const found = mail.replaceAll("=\r\n", "").replaceAll("=3D", "=").match(pattern);
        if (found) return found[0];
      }
      await new Promise((done) => setTimeout(done, 100));
    }
    return fail(`no mail to ${to} has ${pattern}`);
  }
}
