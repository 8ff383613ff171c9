// run <check|shots|lighthouse> [words]: with words, only the states whose names hold one of them.
import { ending } from "./ending.mjs";

const commands = {
  check: () => import("./check.mjs"),
  shots: () => import("./shots.mjs"),
  lighthouse: () => import("./lighthouse.mjs"),
};

const [name, ...words] = process.argv.slice(2);
if (!(name in commands)) {
  console.error(`usage: run <${Object.keys(commands).join("|")}> [words of states]`);
  process.exit(2);
}
const { run } = await commands[name]();
let isGood = false;
try {
  isGood = await run(words);
} catch (error) {
  console.error(error);
} finally {
  await ending();
}
process.exit(isGood ? 0 : 1);
