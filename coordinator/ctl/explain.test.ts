import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { node } from "../../test/build/node.ts";
import { pod } from "../../test/build/pod.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { decide } from "../decide/decide.ts";
import { decideAndExplain } from "../decide/explained.ts";
import type { Snapshot } from "../decide/snapshot.ts";
import { createExplainPages } from "../report/explain-pages.ts";
import { readCommand } from "./arguments.ts";
import { decideAgain, explain } from "./explain.ts";
import type { ReadPage } from "./explain.ts";

const INPUT = snapshot({
  policies: [policy({ pools: [pool("spot", { maxSize: 1 })] })],
  nodes: [node("n1")],
  pods: [pod("here", { node: "n1", gpus: 8 }), pod("large", { gpus: 16 }), pod("waits", { gpus: 8 })],
});

let folder = "";
let file = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ctl-"));
  file = join(folder, "snapshot.json");
  await writeFile(file, JSON.stringify(INPUT));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const nobody: ReadPage = () => Promise.reject(new Error("the cluster was asked"));

/** The coordinator's own pages, as they come over the wire. */
function live(input: Snapshot): ReadPage {
  const pages = createExplainPages({
    explain: (of) => decideAndExplain(of).explain,
    leader: () => null,
  });
  pages.keep(input, decide(input).plan);
  return (page) => {
    const route = page.replace(/^(\/explain\/\w+\/).*/, "$1*");
    const { body = "" } = pages.routes[route]?.(new URL(page, "http://localhost")) ?? {};
    return Promise.resolve(JSON.parse(typeof body === "string" ? body : [...body].join("")) as unknown);
  };
}

async function run(line: string, readPage: ReadPage = nobody): Promise<string> {
  const command = readCommand(line.split(" "));
  if (command.word === "explain") return await explain(command, readPage);
  if (command.word === "decide") return await decideAgain(command, readPage);
  throw new Error(line);
}

describe("gpuasctl explain", () => {
  test.each(["pod default/large", "pod default/here", "node n1", "pool demo/spot"])(
    "says of %s the same from a file and from the coordinator",
    async (what) => {
      const fromFile = await run(`explain ${what} --snapshot ${file}`);
      expect(await run(`explain ${what}`, live(INPUT))).toBe(fromFile);
      expect(JSON.parse(await run(`explain ${what} -o json`, live(INPUT)))).toHaveProperty("kind");
    },
  );

  test("says for a pod that waits what each pool has against it", async () => {
    expect(await run(`explain pod default/large --snapshot ${file}`)).toMatch(
      /^Pod default\/large\n {2}no node is asked for by this decision\n[\s\S]*demo\/spot {2}no {2}the pod wants 16 /,
    );
    expect(await run(`explain pod default/waits --snapshot ${file}`)).toMatch(
      /demo\/spot {2}no {2}at the maximum of the pool, 1: raise nodePools\[\]\.maxSize to allow more \[at-maximum\]/,
    );
  });

  test.each(["pod default/none", "node n9", "pool demo/none"])("does not know %s", async (what) => {
    await expect(run(`explain ${what} --snapshot ${file}`)).rejects.toMatchObject({ kind: "not-found" });
  });
});

describe("gpuasctl decide", () => {
  test("prints the same plan from a file and from the coordinator's snapshot", async () => {
    const text = await run(`decide ${file}`);
    expect(text).toMatch(/^Decision of [\s\S]*\nHolds\n {2}demo\/spot {2}[\s\S]*\nPods without a new node\n/);
    expect(await run("decide --live", live(INPUT))).toBe(text);
  });

  test("adds pods against pools when it is asked to", async () => {
    expect(await run(`decide ${file}`)).not.toContain("Pods that wait, and every pool");
    expect(await run(`decide ${file} --explain`)).toMatch(
      /Pods that wait, and every pool\n\nPod default\/large\n[\s\S]*Pod default\/waits\n/,
    );
  });

  test("gives plan and memory as data", async () => {
    const decision = JSON.parse(await run(`decide ${file} --json --explain`)) as object;
    expect(Object.keys(decision)).toEqual(["plan", "memory", "waiting"]);
  });

  test("takes a snapshot with nonsense in it for what it is", async () => {
    const odd = join(folder, "odd.json");
    await writeFile(odd, JSON.stringify({ ...INPUT, at: -1 }));
    expect(await run(`decide ${odd}`)).toContain("the time of the snapshot cannot be read [malformed]");
  });
});
