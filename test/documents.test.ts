// Tables that are written by hand and must say what the code has: they are read here and compared with it.

import { readFile } from "node:fs/promises";

import { expect, test } from "vitest";

import { RULES } from "../agent/assess/health/rules.ts";

test("the agent's README lists every rule of health with its level, in the order of the table", async () => {
  const text = await readFile(new URL("../agent/README.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| `([a-z0-9-]+)` \| (application|suspicion|degraded|fatal)[,| ]/gm)];
  expect(rows.map(([, name, level]) => `${name} ${level}`)).toEqual(
    RULES.map(({ name, level }) => `${name} ${level}`),
  );
});
