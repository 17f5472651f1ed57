// `npm run demo -- --break NAME` sabotages a run so that exactly the check NAME fails: a check that cannot fail
// proves nothing. Each run is the whole demo on a short slice of its trace, mostly waiting, so four go at a time.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { ensureBundle } from "../../deploy/bundle.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import { CHECKS } from "../demo/checks.ts";
import type { CheckResult } from "../demo/checks.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TRACE = fileURLToPath(new URL("../traces/philly-2017-10-24-short.csv", import.meta.url));

interface DemoJson {
  readonly broken: string | null;
  readonly events: readonly unknown[];
  readonly table: { readonly podsPlaced: number };
  readonly checks: readonly CheckResult[];
}

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "demo-"));
  await ensureBundle();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** One run of the demo as `npm run demo` starts it. */
async function demo(
  args: readonly string[],
  name: string,
): Promise<{ readonly code: number; readonly json: DemoJson; readonly output: string }> {
  const file = join(dir, `${name}.json`);
  const words = ["test/demo/main.ts", "--trace", TRACE, "--json", file, ...args];
  const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
    execFile(process.execPath, words, { cwd: ROOT, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, output: stdout + stderr });
    });
  });
  return { code, output, json: JSON.parse(await readFile(file, "utf8")) as DemoJson };
}

const failing = (json: DemoJson): readonly string[] =>
  json.checks.filter((check) => !check.held).map((check) => check.name);

/** `replaced` is held to one second of real time: a machine that was busy with something else gets a second run. */
const RUN = { timeout: 170_000, retry: 1 };

describe("npm run demo", () => {
  test.concurrent(
    "holds every check on a short slice and exits with 0",
    RUN,
    async ({ expect: expectHere }) => {
      const run = await demo([], "whole");
      expectHere({
        failing: failing(run.json),
        code: run.code,
        output: run.code === 0 ? "" : run.output,
      }).toEqual({ failing: [], code: 0, output: "" });
      expectHere(run.json.table.podsPlaced).toBeGreaterThan(17);
      expectHere(run.json.checks.map((check) => check.name)).toEqual(CHECKS);
      expectHere(run.json.events.length).toBeGreaterThan(20);
    },
  );

  test.concurrent.each(CHECKS)(
    "fails exactly %s when that is broken, and exits with 1",
    RUN,
    async (name) => {
      const { json, code } = await demo(["--break", name], name);
      expect({ failing: failing(json), code, broken: json.broken }).toEqual({
        failing: [name],
        code: 1,
        broken: name,
      });
    },
  );

  test("stops every process on Ctrl-C, leaves nothing behind and exits with 130", async () => {
    const temp = join(dir, "temp");
    await mkdir(temp);
    const child = spawn(process.execPath, ["test/demo/main.ts", "--trace", TRACE], {
      cwd: ROOT,
      env: { ...readEnvironment(), TMPDIR: temp },
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    const ended = once(child, "exit");
    onTestFinished(() => void child.kill("SIGKILL"));
    let output = "";
    for await (const line of createInterface({ input: child.stdout })) {
      output += `${line}\n`;
      // A terminal tells the whole group. By now NATS, the coordinator and an agent run.
      if (/spot-\w+ is ready/.test(line)) process.kill(-(child.pid ?? 0), "SIGINT");
    }
    expect(await ended).toEqual([130, null]);
    expect(output).toMatch(/stopping every process.*\n(.*\n)*interrupted; every process was stopped\n$/);
    // An agent that the signal had reached by itself would have been started again.
    expect(output).not.toContain("started again");
    expect(await readdir(temp)).toEqual([]);
    expect(await processesOf(temp)).toEqual([]);
  });

  test("names line and field of a bad row, and exits with 65", async () => {
    const trace = join(dir, "bad.csv");
    await writeFile(trace, "job_id,arrival_s,duration_s,gpus\na,0,soon,1\n");
    const failed = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, ["test/demo/main.ts", "--trace", trace], { cwd: ROOT }, (error, _, stderr) =>
        resolve({ code: error?.code, stderr }),
      );
    });
    expect(failed.code).toBe(65);
    expect(failed.stderr).toContain('bad.csv, line 2, duration_s: "soon" is not a number');
  });
});

/** Command lines of processes that name the folder. */
async function processesOf(folder: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    // One may end while we look.
    pids.map((pid) => readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")),
  );
  return lines.filter((line) => line.includes(folder));
}
