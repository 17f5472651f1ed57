import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { REASON_SEVERITY } from "../shared/model/reasons.ts";
import { generated, outdated } from "./generate.ts";

describe("generated()", () => {
  test("has a row for every reason code, each with a sentence without holes", async () => {
    const page = (await generated())["deploy/reference/reasons.md"] ?? "";
    const rows = page.split("\n").filter((line) => line.startsWith("| `"));
    const codes = rows.map((line) => /^\| `([a-z-]+)`/.exec(line)?.[1] ?? line);
    expect(codes.sort()).toEqual(Object.keys(REASON_SEVERITY).sort());
    expect(page).not.toMatch(/undefined|NaN|\[object/);
  });

  test("has the settings and metrics of both programs, and the fields of a policy", async () => {
    const files = await generated();
    expect(files["deploy/reference/settings.md"]).toMatch(
      /## Agent[\s\S]*`NODE_NAME`[\s\S]*## Coordinator[\s\S]*`GPUAS_/,
    );
    expect(files["deploy/reference/metrics.md"]).toContain("`gpu_utilization_percent`");
    expect(files["deploy/reference/policy.md"]).toContain(
      "| `nodePools[].capacityType` | `spot`, `on-demand`, `reserved` | required |",
    );
  });
});

describe("outdated()", () => {
  test("names files that are missing or differ, and no others", async () => {
    const root = await mkdtemp(join(tmpdir(), "generate-"));
    await mkdir(join(root, "pages"));
    await writeFile(join(root, "pages/same.md"), "same\n");
    await writeFile(join(root, "pages/old.md"), "old\n");
    const files = { "pages/same.md": "same\n", "pages/old.md": "new\n", "pages/gone.md": "gone\n" };
    expect(await outdated(files, root)).toEqual(["pages/old.md", "pages/gone.md"]);
    await rm(root, { recursive: true });
  });
});
