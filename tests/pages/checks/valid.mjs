// The page as it was sent, by the rules of the HTML standard and those for assistive technology.
import { HtmlValidate, StaticConfigLoader } from "html-validate";

const validator = new HtmlValidate(
  new StaticConfigLoader({
    root: true,
    extends: ["html-validate:standard", "html-validate:a11y"],
    rules: {
      // The standard says what a button without a type does: it sends its form, and these are to.
      "no-implicit-button-type": "off",
      // Lists may have names.
      "aria-label-misuse": ["error", { allowAnyNamable: true }],
    },
  }),
);

export async function valid(visit) {
  const report = await validator.validateString(await visit.html());
  return report.results.flatMap(({ messages }) =>
    messages.map(({ line, column, ruleId, message }) => `${line}:${column} ${ruleId}: ${message}`),
  );
}
