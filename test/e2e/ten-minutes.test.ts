// The ten-minute path, word by word: what deploy/docs/ten-minutes.md shows to be typed is typed here, in its order, in two
// shells as it says, and what comes has to be what stands there. What differs by its nature (times, ages, names that are drawn) is
// taken out of both before they are compared; "…" stands for any lines.

import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

import { afterAll, describe, expect, test } from "vitest";

import { readEnvironment } from "../../shared/runtime/settings.ts";
import { ROOT } from "../build/program.ts";
import { whyNoCluster, whyNoKubectl } from "../control-plane/available.ts";
import { whyNoHelm } from "../control-plane/helm.ts";
import { compared } from "../documents/compare.ts";
import { piecesOf } from "../documents/markdown.ts";
import { exchangesOf } from "../documents/shell.ts";

const FILE = "deploy/docs/ten-minutes.md";
/** In a shell of its own; it does not end by itself. */
const STAYS = "npm run control-plane";
/** Done before any test runs, and it would take the packages away from under the others. */
const DONE_BEFORE = "npm ci";
const missing = (await whyNoCluster()) ?? (await whyNoHelm()) ?? (await whyNoKubectl());

describe.skipIf(missing !== null)("the ten-minute path", () => {
  const shells: Shell[] = [];
  // A signal to the shell alone would leave what runs in it.
  afterAll(async () => {
    for (const { child, pid, closed } of shells) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      process.kill(-pid, "SIGINT");
      child.stdin.end("exit\n");
      await closed;
    }
  });
  const open = (): Shell => {
    const shell = openShell();
    shells.push(shell);
    return shell;
  };

  test("is followed word by word, and shows what the document shows", { timeout: 900_000 }, async () => {
    const pieces = piecesOf(FILE, await readFile(`${ROOT}${FILE}`, "utf8"));
    const exchanges = pieces.filter(({ language }) => language === "console").flatMap(exchangesOf);
    expect(exchanges.length).toBeGreaterThan(20);
    const [first, second] = [open(), open()];
    const differences: string[] = [];
    for (const { line, typed, printed } of exchanges) {
      if (typed === DONE_BEFORE) continue;
      const said = typed === STAYS ? await first.until(typed, printed.at(-1) ?? "") : await second.run(typed);
      const difference = compared(printed, said);
      if (difference !== null) differences.push(`${FILE}:${line} $ ${typed}\n${difference}`);
    }
    expect(differences.join("\n\n")).toBe("");

    // And Ctrl-C, which a terminal sends to all that runs in it.
    const ending = first.ends();
    process.kill(-first.pid, "SIGINT");
    expect(await ending).toContain("ending every process");
    await expect(readFile(`${ROOT}.cache/control-plane/env`)).rejects.toThrow("ENOENT");
  });
});

interface Shell {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly pid: number;
  readonly closed: Promise<unknown>;
  /** Types a line and waits for its end. @returns the lines that came. */
  run(typed: string): Promise<readonly string[]>;
  /** Types a line and waits for one that comes. */
  until(typed: string, last: string): Promise<readonly string[]>;
  /** Waits for the end of what `until` has begun. */
  ends(): Promise<readonly string[]>;
}

/** With a process group of its own, as a terminal has one. */
function openShell(): Shell {
  const child = spawn("bash", ["--norc"], {
    cwd: ROOT,
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
    // Nobody's own cluster may be reached.
    env: { ...readEnvironment(), KUBECONFIG: "/dev/null" },
  });
  const { pid = 0 } = child;
  // Whoever ends this process early leaves no cluster behind.
  const endAll = (): void => {
    process.kill(-pid, "SIGINT");
  };
  process.once("exit", endAll);
  // A shell that was ended takes no more words.
  child.stdin.on("error", () => {});
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    for (const watcher of watchers) watcher();
  });
  // With the last of its output.
  const closed = once(child, "close").finally(() => process.removeListener("exit", endAll));
  let marks = 0;
  child.stdin.write("exec 2>&1\n");
  /** Lines that come from now on, up to one of these, which is not among them, or to the end of the shell. */
  const upTo = async (ends: readonly string[]): Promise<readonly string[]> => {
    const from = lines.length;
    const seen = new Promise<number>((resolve) => {
      const watcher = (): void => {
        const at = lines.findIndex((line, index) => index >= from && ends.includes(line));
        if (at === -1) return;
        watchers.delete(watcher);
        resolve(at);
      };
      watchers.add(watcher);
      watcher();
    });
    return lines.slice(from, await Promise.race([seen, closed.then(() => lines.length)]));
  };
  const nextMark = (): string => {
    marks += 1;
    return `--- ${marks} ---`;
  };
  let over = "";
  return {
    child,
    pid,
    closed,
    run: async (typed) => {
      const mark = nextMark();
      const coming = upTo([mark]);
      child.stdin.write(`${typed}\necho '${mark}'\n`);
      return await coming;
    },
    until: async (typed, last) => {
      over = nextMark();
      const coming = upTo([last, over]);
      // The shell itself stays.
      child.stdin.write(`trap : INT\n${typed}\necho '${over}'\n`);
      const came = await coming;
      return lines.includes(last) ? [...came, last] : came;
    },
    ends: async () => await upTo([over]),
  };
}
