// Every state of every page, looked at by every check (checks/). A run begins by showing that each check
// sees what it is there to see.
import { accessible } from "./checks/accessible.mjs";
import { data } from "./checks/data.mjs";
import { fits } from "./checks/fits.mjs";
import { head } from "./checks/head.mjs";
import { keyboard } from "./checks/keyboard.mjs";
import { links } from "./checks/links.mjs";
import { pictures } from "./checks/pictures.mjs";
import { quick } from "./checks/quick.mjs";
import { quiet } from "./checks/quiet.mjs";
import { scriptless } from "./checks/scriptless.mjs";
import { valid } from "./checks/valid.mjs";
import { breaks } from "./broken.mjs";
import { each } from "./each.mjs";
import { startShop } from "./shop.mjs";
import { chosen, wanted } from "./states.mjs";
import { Visit, startBrowser } from "./visit.mjs";

// Those that change nothing on the page come first, and what was said meanwhile is asked last.
const checks = { head, valid, data, quick, pictures, links, scriptless, accessible, fits, keyboard, quiet };

/// What a check finds wrong on a visit, each in one line.
async function faultsOf(check, visit, state, browser) {
  try {
    return await check(visit, state, browser);
  } catch (error) {
    return [`could not be checked: ${error.stack}`];
  }
}

/// What is wrong with a state, by check.
async function look(browser, shop, state, change, only = Object.keys(checks)) {
  const visit = await Visit.begin(browser, shop, { change });
  try {
    await state.come(visit);
    const found = [];
    for (const name of only) {
      const faults = await faultsOf(checks[name], visit, state, browser);
      found.push(...new Set(faults.map((fault) => `${name}: ${fault}`)));
    }
    return found;
  } catch (error) {
    return [`could not be come to: ${error.stack}`];
  } finally {
    await visit.end();
  }
}

/// Breaks one thing after another and sees whether the check that is there for it says so.
async function tryChecks(browser, shop) {
  const blind = [];
  await each(breaks, 2, async ({ what, check, state, change }) => {
    let changed = false;
    const watched = (url, text) => {
      const other = change(url, text);
      changed ||= other !== undefined && other !== text;
      return other;
    };
    const found = await look(browser, shop, chosen(state), watched, [check]);
    if (!changed) blind.push(`${what}: the page no longer has what was to be broken`);
    else if (!found.some((fault) => fault.startsWith(`${check}: `))) blind.push(`${what}: ${check} did not see it`);
    else if (found.some((fault) => fault.includes("could not be"))) blind.push(`${what}: ${found[0]}`);
  });
  for (const name of Object.keys(checks))
    if (!breaks.some(({ check }) => check === name)) blind.push(`nothing is broken for ${name}`);
  return blind;
}

export async function run(words) {
  const states = wanted(words);
  const [shop, browser] = await Promise.all([startShop(), startBrowser()]);
  const blind = words.length ? [] : await tryChecks(browser, shop);
  for (const line of blind) console.log(`A CHECK IS BLIND: ${line}`);
  if (!words.length) console.log(`${breaks.length - blind.length} of ${breaks.length} broken pages were seen`);
  let faults = 0;
  await each(states, 2, async (state) => {
    const found = await look(browser, shop, state);
    faults += found.length;
    console.log(found.length ? `${state.name}\n${found.map((fault) => `    ${fault}\n`).join("")}` : `${state.name}: good`);
  });
  console.log(`${states.length} states by ${Object.keys(checks).length} checks: ${faults || "no"} faults`);
  return states.length > 0 && !faults && !blind.length;
}
