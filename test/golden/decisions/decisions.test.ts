// Decisions on record: for each case the snapshot as the coordinator's page would give it, and beside it what
// `gpuasctl decide FILE --explain` and `gpuasctl explain` say of it, by the very code behind those words. `vitest -u`
// records anew; what a case claims has to hold all the same.

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { readCommand } from "../../../coordinator/ctl/arguments.ts";
import { decideAgain, explain } from "../../../coordinator/ctl/explain.ts";
import { snapshotFromText } from "../../../coordinator/ctl/snapshot-file.ts";
import { decide } from "../../../coordinator/decide/decide.ts";
import type { Move } from "../../../coordinator/decide/plan.ts";
import type { Snapshot } from "../../../coordinator/decide/snapshot.ts";
import { snapshotPieces } from "../../../coordinator/report/explain-pages.ts";
import { snapshot } from "../../build/snapshot.ts";
import { CAPACITY_GOLDEN } from "./cases/capacity.ts";
import type { GoldenCase } from "./cases/case.ts";
import { DEMAND_GOLDEN } from "./cases/demand.ts";
import { NOTICE_GOLDEN } from "./cases/notices.ts";
import { REQUIREMENT_GOLDEN } from "./cases/requirements.ts";
import { USE_GOLDEN } from "./cases/use.ts";

const FOLDER = new URL(".", import.meta.url).pathname;
const LARGEST = 20_000;

const CASES: readonly GoldenCase[] = [
  ...REQUIREMENT_GOLDEN,
  ...USE_GOLDEN,
  ...CAPACITY_GOLDEN,
  ...NOTICE_GOLDEN,
  ...DEMAND_GOLDEN,
];

const nobodyLive = async (): Promise<never> => await Promise.reject(new Error("a file needs no coordinator"));

function inputOf({ input, workUnits }: GoldenCase): Snapshot {
  return { ...snapshot(input), ...(workUnits === undefined ? {} : { workUnits }) };
}

/** As the coordinator gives it to whoever asks. */
const textOf = (found: GoldenCase): string => [...snapshotPieces(inputOf(found))].join("");

function moveText(move: Move): string {
  const node = move.kind === "grow" ? "" : ` (${move.node})`;
  return `${move.kind} ${move.policy}/${move.pool} ${move.from} to ${move.to}${node}`;
}

/** How much work a decision took is no part of what it answers. */
const withoutUnits = (text: string): string => text.replace(/Packing: .* of work, /, "Packing: ");

async function typed(words: readonly string[]): Promise<string> {
  const command = readCommand(words);
  if (command.word === "decide") return withoutUnits(await decideAgain(command, nobodyLive));
  if (command.word === "explain") return await explain(command, nobodyLive);
  throw new Error(`gpuasctl ${words.join(" ")} reads no snapshot`);
}

let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "gpu-autoscaler-golden-"));
});
afterAll(async () => {
  await rm(scratch, { recursive: true });
});

/** What an operator types and reads, then the plan as data. */
async function answerOf({ name, rows, title, asks = [] }: GoldenCase, text: string): Promise<string> {
  const file = `${name}.json`;
  const path = join(scratch, file);
  await writeFile(path, text);
  const parts = [`${rows.join(", ")}: ${title}`];
  const say = async (words: readonly string[]): Promise<void> => {
    const shown = ["gpuasctl", ...words.map((word) => (word === path ? file : word))].join(" ");
    parts.push(`$ ${shown}\n${await typed(words)}`);
  };
  await say(["decide", path, "--explain"]);
  for (const ask of asks) await say(["explain", ...ask.split(" "), "--snapshot", path]);
  const { moves, holds, unplaced } = decide(snapshotFromText(text, file)).plan;
  const data = [...moves, ...holds, ...unplaced].map((answer) => JSON.stringify(answer));
  return `${[...parts, ["as data:", ...data].join("\n")].join("\n\n")}\n`;
}

describe("the record of", () => {
  test.each(CASES.map((found) => [`${found.name} (${found.rows.join(", ")})`, found] as const))(
    "%s",
    async (_, found) => {
      const path = join(FOLDER, found.name);
      const text = textOf(found);
      expect(text.length).toBeLessThan(LARGEST);
      await expect(text).toMatchFileSnapshot(`${path}.json`);
      await expect(await answerOf(found, text)).toMatchFileSnapshot(`${path}.txt`);
    },
  );
});

describe("what is right:", () => {
  test.each(CASES.map((found) => [`${found.rows.join(", ")}: ${found.title}`, found] as const))(
    "%s",
    async (_, found) => {
      expect(decide(inputOf(found)).plan.moves.map(moveText)).toEqual(found.moves);
      const answer = await answerOf(found, textOf(found));
      for (const code of found.codes) expect(answer).toMatch(new RegExp(`\\[${code}\\]|"code":"${code}"`));
    },
  );
});

test("each case has a name of its own, and each file a case", async () => {
  const names = CASES.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  const files = (await readdir(FOLDER)).filter((file) => /\.(json|txt)$/.test(file));
  expect(files.toSorted()).toEqual(names.flatMap((name) => [`${name}.json`, `${name}.txt`]).toSorted());
});
