import { readFile } from "node:fs/promises";

import { expect, test } from "vitest";

import { AGENT_RULES } from "./agent-rights.ts";

/** "nodes/status patch" for each right. */
function sorted(rights: readonly string[]): readonly string[] {
  return [...new Set(rights)].toSorted();
}

test("an agent in a test has the rights that its README names, and no others", async () => {
  const text = await readFile(new URL("../../agent/README.md", import.meta.url), "utf8");
  const [, table = ""] = /\| In the API \|.*\n\|.*\n((?:\|.*\n)+)/.exec(text) ?? [];
  const written = table
    .trim()
    .split("\n")
    .flatMap((row) => {
      const [, what = "", verbs = ""] = row.split("|");
      const resources = [...what.matchAll(/`([a-z/]+)`/g)].map(([, name = ""]) => name);
      return resources.flatMap((name) => verbs.split(",").map((verb) => `${name} ${verb.trim()}`));
    });
  const granted = AGENT_RULES.flatMap(({ resources, verbs }) =>
    resources.flatMap((name) => verbs.map((verb) => `${name} ${verb}`)),
  );
  expect(written.length).toBeGreaterThan(10);
  expect(sorted(written)).toEqual(sorted(granted));
});
