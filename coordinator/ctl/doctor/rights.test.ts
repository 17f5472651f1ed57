import { readFile } from "node:fs/promises";

import { describe, expect, test } from "vitest";

import { AGENT_RULES } from "../../../test/control-plane/agent-rights.ts";
import { RIGHTS } from "./rights.ts";

/** "patch nodes/status" of each row. */
function words(
  rows: readonly { readonly resource: string; readonly verbs: readonly string[] }[],
): readonly string[] {
  return rows.flatMap(({ resource, verbs }) => verbs.map((verb) => `${verb} ${resource}`)).toSorted();
}

/** What the README calls optional, and what is only asked for where it is used. */
const OPTIONAL = ["patch pods/status", "patch pods", "list resourceslices"];

describe("RIGHTS", () => {
  test("of an agent are what its README grants, but for what is optional", () => {
    const granted = words(AGENT_RULES.map(({ resources: [resource = ""], verbs }) => ({ resource, verbs })));
    expect(words(RIGHTS.filter(({ account }) => account === "agent"))).toEqual(
      granted.filter((right) => !OPTIONAL.includes(right)),
    );
  });

  test("of a coordinator are the rows of its README", async () => {
    const text = await readFile(new URL("../../README.md", import.meta.url), "utf8");
    const section = text.slice(text.indexOf("## What it may do"), text.indexOf("`gpuasctl` has no rights"));
    const rows = section
      .split("\n")
      .filter((line) => line.startsWith("| ") && line.includes("`"))
      .map((line) => line.split("|").map((cell) => cell.trim()));
    // Of each resource in the table, by its plain name.
    const listed = rows.flatMap(([, objects = "", verbs = ""]) =>
      [...objects.matchAll(/`([a-z/]+)`/g)].flatMap(([, resource = ""]) =>
        verbs.split(", ").map((verb) => `${verb} ${resource}`),
      ),
    );
    const ours = RIGHTS.filter(({ account }) => account === "coordinator");
    expect(rows.length).toBeGreaterThan(15);
    const asked = words(ours).filter((right) => !right.endsWith("/scale"));
    expect(asked.filter((right) => !listed.includes(right))).toEqual([]);
    const known = new Set(words(ours));
    expect(listed.filter((right) => !known.has(right) && !/default$|scale$/.test(right))).toEqual([]);
  });
});
