import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { bundle, ensureBundle } from "./bundle.ts";

const run = promisify(execFile);
const REPOSITORY = new URL("..", import.meta.url).pathname;
const ENTRIES = { "probe.js": "agent/probe.ts" };

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "bundle-"));
  await mkdir(join(root, "agent"));
  await symlink(join(REPOSITORY, "node_modules"), join(root, "node_modules"));
  await symlink(join(REPOSITORY, "shared"), join(root, "shared"));
  await writeFile(
    join(root, "agent/probe.ts"),
    `import { createLog } from "../shared/runtime/log.ts";
     import { createMetrics } from "../shared/runtime/metrics.ts";
     import { connectNats } from "../shared/runtime/nats.ts";
     const log = createLog({ level: "info", base: { part: "probe" } });
     function namedFunction(): never { throw new Error("from the source"); }
     const metrics = createMetrics({ a: { type: "gauge", help: "A.", labels: {} } });
     log.info({ count: (await metrics.text()).length, name: connectNats.name }, "started");
     namedFunction();`,
  );
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

describe("bundle()", () => {
  test("makes a program that logs to standard output and whose stack traces name the source", async () => {
    const dist = await bundle({ root, entries: ENTRIES });
    const ended = run(process.execPath, ["--enable-source-maps", join(dist, "probe.js")]);
    const { stdout, stderr } = (await ended.catch((error: unknown) => error)) as {
      stdout: string;
      stderr: string;
    };
    expect(JSON.parse(stdout)).toMatchObject({ part: "probe", name: "connectNats", message: "started" });
    expect(stderr).toContain("namedFunction");
    expect(stderr).toContain("agent/probe.ts:5");
  });

  test("leaves what another program loads only when it is needed in a file of its own", async () => {
    await writeFile(join(root, "agent/heavy.ts"), `export const said = (): string => "heavy" + " words";`);
    await writeFile(
      join(root, "agent/probe.ts"),
      `if (process.argv[2] === "all") { const { said } = await import("./heavy.ts"); console.log(said()); }`,
    );
    const dist = await bundle({ root, entries: { ...ENTRIES, "big.js": "agent/heavy.ts" } });
    expect(await readFile(join(dist, "probe.js"), "utf8")).not.toContain(" words");
    const { stdout } = await run(process.execPath, [join(dist, "probe.js"), "all"]);
    expect(stdout).toBe("heavy words\n");
    await rm(join(dist, "big.js"));
    await run(process.execPath, [join(dist, "probe.js")]);
  });

  test("names every entry point that is missing, and leaves nothing half-built", async () => {
    const entries = { ...ENTRIES, "a.js": "agent/a.ts", "b.js": "coordinator/b.ts" };
    await expect(bundle({ root, entries })).rejects.toThrow(
      "entry points are missing: agent/a.ts, coordinator/b.ts",
    );
    expect((await readdir(root)).sort()).toEqual(["agent", "node_modules", "shared"]);
  });

  test("names the entry point that does not build", async () => {
    await writeFile(join(root, "agent/probe.ts"), `import "./gone.ts";`);
    await expect(bundle({ root, entries: ENTRIES })).rejects.toThrow("cannot build agent/probe.ts");
    expect(await readdir(join(root, "dist"))).toEqual([]);
  });
});

describe("ensureBundle()", () => {
  test("builds again only when a source is newer", async () => {
    const file = join(await ensureBundle({ root, entries: ENTRIES }), "probe.js");
    const first = (await stat(file)).mtimeMs;
    await ensureBundle({ root, entries: ENTRIES });
    expect((await stat(file)).mtimeMs).toBe(first);
    // A test beside the source is no part of the program.
    const later = new Date(first + 5_000);
    await writeFile(join(root, "agent/probe.test.ts"), "");
    await utimes(join(root, "agent/probe.test.ts"), later, later);
    await ensureBundle({ root, entries: ENTRIES });
    expect((await stat(file)).mtimeMs).toBe(first);
    await utimes(join(root, "agent/probe.ts"), later, later);
    await ensureBundle({ root, entries: ENTRIES });
    expect((await stat(file)).mtimeMs).toBeGreaterThan(first);
  });
});
