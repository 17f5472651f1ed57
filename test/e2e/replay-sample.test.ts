// The sample of a replay as a stranger types it (deploy/docs/replay.md): a part of it, by the words that ship, and once by the
// program and its worker thread as they ship.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { readCommand } from "../../coordinator/ctl/arguments.ts";
import type { ReplayContext } from "../../coordinator/ctl/replay/command.ts";
import { replayWord } from "../../coordinator/ctl/replay/word.ts";
import { SCORE_ROWS } from "../../coordinator/replay/page/score-rows.ts";
import type { Run } from "../../coordinator/replay/run.ts";
import { ensureBundle, ENTRIES } from "../../deploy/bundle.ts";

const HERE = "deploy/examples/replay";

let folder = "";
const said: string[] = [];
const context: ReplayContext = {
  workerUrl: new URL("../../coordinator/replay/worker.ts", import.meta.url),
  processors: 1,
  clock: { now: () => 0 as ReturnType<ReplayContext["clock"]["now"]> },
  say: (text) => void said.push(text),
  isTerminal: false,
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "replay-"));
});
afterAll(async () => await rm(folder, { recursive: true }));

async function type(line: string): Promise<string> {
  const command = readCommand(line.split(" "));
  if (command.word !== "replay") throw new Error(`${line} is no replay`);
  const { text, exitCode } = await replayWord(command.replay, context);
  expect(exitCode).toBe(0);
  return text;
}

/** Only a part of it, so that the test stays short. */
const SAMPLE = `--scenario ${HERE}/scenario.yaml --length 10h --warm-in 0s --drain 2h --workers 0`;

describe("the sample", () => {
  test("gives a table, CSV, JSON and a page that asks nobody for anything", async () => {
    const [html, csv, json] = ["r.html", "r.csv", "r.json"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const text = await type(`replay ${SAMPLE} --offsets 2 --html ${html} --csv ${csv} --json ${json}`);
    expect(text).toMatch(/^sample, spot-first: 10h from 2020-03-15T10:07:33\.000Z, .*2 starts, seed 1/);
    expect(text).toMatch(/^Cost of nodes +\$\d/m);
    expect(text).toMatch(/rows left out, no run time is known/);
    expect(text).toMatch(/simulated one of the same bounds stands in for: spot-b \(aws\), spot-c \(aws\)/);
    expect(said.join("")).toMatch(/2 of 2 runs, 100 %/);

    const lines = (await readFile(csv, "utf8")).trimEnd().split("\n");
    const cells = lines.map((line) => line.split(","));
    expect(cells[0]).toEqual(["policy", "offset", "start", "seed", ...SCORE_ROWS.map(({ id }) => id)]);
    expect(cells.slice(1).map((row) => row.slice(0, 2))).toEqual([
      ["spot-first", "0"],
      ["spot-first", "1"],
    ]);

    const data = JSON.parse(await readFile(json, "utf8")) as {
      readonly dropped: readonly { readonly rows: number }[];
      readonly policies: readonly { readonly name: string; readonly runs: readonly Run[] }[];
    };
    const [policy] = data.policies;
    expect(policy?.runs).toHaveLength(2);
    expect(data.dropped[0]?.rows).toBeGreaterThan(0);
    // The CSV has what the runs have.
    expect(Number(cells[1]?.[cells[0]?.indexOf("usd") ?? -1])).toBe(policy?.runs[0]?.score.usd);
    // Its zones are lost now and then, and whoever listens to notices loses nothing uncleanly.
    expect(policy?.runs[0]?.score.interruptions.count).toBeGreaterThan(0);

    const page = await readFile(html, "utf8");
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).not.toMatch(/(src|href)="https?:/);
  });

  test("explains a moment in the words of decide", async () => {
    const json = join(folder, "e.json");
    const text = await type(`replay ${SAMPLE} --explain 5h2m20s --json ${json}`);
    expect(JSON.parse(await readFile(json, "utf8"))).toHaveProperty("moves");
    expect(text).toMatch(
      /^Replay of sample, 5h[\dms]* after its start: the last decision up to 2020-03-15T15:09:53/,
    );
    expect(text).toMatch(/Decision of 2020-03-15 15:\d\d UTC: \d+ moves?, \d+ holds?/);
    expect(text).toMatch(/spot-first: grow pool spot-b from 0 to 1 to replace node spot-c-/);
    await expect(type(`replay ${SAMPLE} --explain 90d`)).rejects.toThrow(/--explain .*: played is from 2020/);
  });

  test("compares two policies, and says where and why they part", async () => {
    const html = join(folder, "c.html");
    const text = await type(
      `compare ${HERE}/policy.yaml ${HERE}/on-demand.yaml ${SAMPLE} --offsets 3 --html ${html}`,
    );
    expect(text).toMatch(/spot-first +on-demand-only +on-demand-only − spot-first/);
    expect(text).toMatch(/^Cost of nodes .* \+\$\d+\.\d\d \(\+?−?\$[\d.]+ to \+\$[\d.]+\)$/m);
    expect(text).toMatch(/pool spot-c\n {4}spot-first grew, 0 → \d+ nodes\n.*\[pending-pods\]/);
    expect(text).toMatch(/on-demand-only has no such pool/);
    expect(text).toMatch(/pool on-demand\n {4}spot-first did nothing then\n.*\[/);
    // Whoever did nothing has its reason too, from every start.
    expect(text).not.toMatch(/did nothing then\n {0,4}\S/);
    expect(await readFile(html, "utf8")).toContain("on-demand-only");
  });

  test("runs in the program and the worker thread as they ship", async () => {
    const entries = {
      "gpuasctl.js": ENTRIES["gpuasctl.js"],
      "replay-worker.js": ENTRIES["replay-worker.js"],
    };
    const program = join(await ensureBundle({ entries }), "gpuasctl.js");
    const line = `replay ${SAMPLE} --workers 1 -o csv`.split(" ");
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...line]);
    expect(stdout.trimEnd()).toBe(await type(`replay ${SAMPLE} -o csv`));
  });
});
