// A program that a control plane runs: started with its output read, killed by its id, and asked for its last words
// when it does not come up. What it holds is thrown away with its folder, so no end is too sudden for it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { childOfUs } from "../build/ends-with-us.ts";

export interface Child {
  readonly pid: number;
  /** Rejects with the program's last words when it ends before `end` is called. Never resolves. */
  readonly failed: Promise<never>;
  /** The first line, past or to come, in which `find` sees something. */
  line<T>(find: (line: string) => T | null): Promise<T>;
  /** SIGKILL; resolves when it is gone. */
  end(): Promise<void>;
}

/** Enough to hold the reason that a program gives before it ends. */
const LINES_KEPT = 400;
const LINES_TOLD = 12;

export function startChild(program: string, flags: readonly string[]): Child {
  const child = spawn(program, flags, { stdio: ["ignore", "ignore", "pipe"] });
  childOfUs(child);

  const said: string[] = [];
  const watchers = new Set<(line: string) => void>();
  createInterface({ input: child.stderr }).on("line", (line) => {
    said.push(line);
    if (said.length > LINES_KEPT) said.shift();
    for (const watcher of watchers) watcher(line);
  });
  let wanted = false;
  // "close" comes after the last of its output; a program that cannot be started has only an "error".
  const closed = once(child, "close");
  const failed = closed.then(
    () =>
      new Promise<never>((_, reject) => {
        const end = child.signalCode ?? `code ${child.exitCode}`;
        if (!wanted) reject(new Error(`${program} ended with ${end}:\n${lastWords(said)}`));
      }),
  );
  // Whoever waits for it hears of it; after the start nobody may.
  failed.catch(() => {});

  return {
    pid: child.pid ?? 0,
    failed,
    line: async (find) => {
      const coming = new Promise<NonNullable<ReturnType<typeof find>>>((resolve) => {
        const watcher = (line: string): void => {
          const found = find(line);
          if (found === null || found === undefined) return;
          watchers.delete(watcher);
          resolve(found);
        };
        watchers.add(watcher);
        for (const line of said) watcher(line);
      });
      return await Promise.race([coming, failed]);
    },
    end: async () => {
      wanted = true;
      child.kill("SIGKILL");
      await closed.catch(() => {});
    },
  };
}

/** Lines that a program marks as errors tell more than its last ones, which are often a goodbye. */
function lastWords(said: readonly string[]): string {
  const errors = said.filter((line) => /^(E|F)\d{4} |"level":"(error|fatal)"|^Error|^panic/.test(line));
  return (errors.length > 0 ? errors : said).slice(-LINES_TOLD).join("\n");
}
