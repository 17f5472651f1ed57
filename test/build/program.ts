// One of our programs as a child process: started as it ships, its log read line by line, ended by its id. For
// scenarios, benches and the demo. It ends with the process that started it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { childOfUs } from "./ends-with-us.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Program {
  readonly pid: number;
  /** Of metrics and probes. */
  readonly url: string;
  /** All that it has logged. */
  readonly logs: readonly LogLine[];
  /** Exit code, or null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<number | null>;
  /** The first line, past or to come, that fits; rejects when the process ends without it. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine>;
}

/** Resolves when the program says, with the message `listening`, where it serves its probes. */
export async function startProgram(options: {
  readonly name: string;
  readonly flags: readonly string[];
  readonly entry: string;
  /** Nothing of our own environment goes along: the program gets what is named here and no more. */
  readonly env: Readonly<Record<string, string>>;
  readonly listening: string;
  /** A terminal's Ctrl-C goes to its whole group: with a group of its own the program ends when we say so. */
  readonly ownGroup?: boolean;
}): Promise<Program> {
  const child = spawn(process.execPath, [...options.flags, options.entry], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: options.env,
    detached: options.ownGroup ?? false,
  });
  childOfUs(child);

  const logs: LogLine[] = [];
  const watchers = new Set<() => void>();
  const look = (): void => {
    for (const watcher of watchers) watcher();
  };
  const read = (text: string): void => {
    logs.push(parseLine(text));
    look();
  };
  createInterface({ input: child.stdout }).on("line", read);
  createInterface({ input: child.stderr }).on("line", read);
  let ended = false;
  // "close" comes after the last of its output.
  const exited = once(child, "close").then(([code]: unknown[]) => {
    ended = true;
    look();
    return typeof code === "number" ? code : null;
  });

  const line = (fits: (line: LogLine) => boolean): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const watcher = (): void => {
        const found = logs.find(fits);
        if (found === undefined && !ended) return;
        watchers.delete(watcher);
        if (found === undefined)
          reject(new Error(`the ${options.name} ended without that line:\n${lastLines(logs)}`));
        else resolve(found);
      };
      watchers.add(watcher);
      watcher();
    });
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    if (!ended) child.kill(signal);
    return exited;
  };

  const listening = await line((one) => one.message === options.listening);
  return {
    pid: child.pid ?? 0,
    url: String(listening["url"]),
    logs,
    exited,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    line,
  };
}

/** What is no JSON is a crash of Node itself, which is worth reading too. */
function parseLine(text: string): LogLine {
  try {
    const parsed: unknown = JSON.parse(text);
    // Our own log wrote it, so it has level and message.
    if (typeof parsed === "object" && parsed !== null && "message" in parsed) return parsed as LogLine;
  } catch {
    // Falls through to the plain text.
  }
  return { level: "error", message: text };
}

export function lastLines(logs: readonly LogLine[], count = 15): string {
  return logs
    .slice(-count)
    .map((line) => JSON.stringify(line))
    .join("\n");
}
