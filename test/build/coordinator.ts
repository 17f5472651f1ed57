// The shipped coordinator as a child process: the bundle or the sources, with the Node flags that the image uses.
// For scenarios and the demo. Beside it, gpuasctl as people call it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { COORDINATOR_NODE_FLAGS } from "../../coordinator/flags.ts";
import type { LogLine } from "./agent.ts";

export interface CoordinatorStart {
  /** Path of a kubeconfig. */
  readonly kubeconfig: string;
  readonly nats: string;
  /** "bundle" needs dist/coordinator.js (npm run bundle). */
  readonly from?: "source" | "bundle";
  /** Further settings, by environment name. */
  readonly env?: Readonly<Record<string, string>>;
  /** Resolve when it serves its probes (default), or not before it leads. */
  readonly waitFor?: "listening" | "leading";
}

export interface CoordinatorProcess {
  readonly pid: number;
  /** Of metrics and probes. */
  readonly url: string;
  readonly logs: readonly LogLine[];
  /** Exit code, or null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<number | null>;
  /** The first line, past or to come, that fits; rejects when the process ends without it. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine>;
  /** The value of the first series of a metric whose line contains all of `parts`; null when there is none. */
  metric(name: string, ...parts: readonly string[]): Promise<number | null>;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export async function startCoordinator(options: CoordinatorStart): Promise<CoordinatorProcess> {
  const entry = options.from === "bundle" ? "dist/coordinator.js" : "coordinator/main.ts";
  const child = spawn(process.execPath, [...COORDINATOR_NODE_FLAGS, entry], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      GPUAS_KUBECONFIG: options.kubeconfig,
      GPUAS_NATS_SERVERS: options.nats,
      GPUAS_METRICS_HOST: "127.0.0.1",
      GPUAS_METRICS_PORT: "0",
      ...options.env,
    },
  });
  const dieTogether = (): void => {
    child.kill("SIGKILL");
  };
  process.once("exit", dieTogether);

  const logs: LogLine[] = [];
  const watchers = new Set<() => void>();
  const look = (): void => {
    for (const watcher of watchers) watcher();
  };
  const read = (written: string): void => {
    logs.push(parseLine(written));
    look();
  };
  createInterface({ input: child.stdout }).on("line", read);
  createInterface({ input: child.stderr }).on("line", read);
  let ended = false;
  const exited = once(child, "close").then(([code]: unknown[]) => {
    ended = true;
    process.removeListener("exit", dieTogether);
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
          reject(new Error(`the coordinator ended without that line:\n${lastLines(logs)}`));
        else resolve(found);
      };
      watchers.add(watcher);
      watcher();
    });
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    if (!ended) child.kill(signal);
    return exited;
  };

  const listening = await line(({ message }) => message === "listening");
  if (options.waitFor === "leading") await line(({ message }) => message === "leading");
  const url = String(listening["url"]);
  return {
    pid: child.pid ?? 0,
    url,
    logs,
    exited,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    line,
    metric: async (name, ...parts) => {
      const page = await (await fetch(new URL("/metrics", url))).text();
      const series = page
        .split("\n")
        .find(
          (row) =>
            (row.startsWith(`${name}{`) || row.startsWith(`${name} `)) &&
            parts.every((part) => row.includes(part)),
        );
      return series === undefined ? null : Number(series.slice(series.lastIndexOf(" ") + 1));
    },
  };
}

export interface CtlResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs gpuasctl to its end. */
export async function gpuasctl(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CtlResult> {
  const child = spawn(process.execPath, ["coordinator/ctl.ts", ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    // Nobody's own kubeconfig may be found.
    env: { HOME: ROOT, ...env },
  });
  const closed = once(child, "close");
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await closed) as [number | null];
  return { code, out, err };
}

/** What is no JSON is a crash of Node itself, which is worth reading too. */
function parseLine(written: string): LogLine {
  try {
    const parsed: unknown = JSON.parse(written);
    // Our own log wrote it, so it has level and message.
    if (typeof parsed === "object" && parsed !== null && "message" in parsed) return parsed as LogLine;
  } catch {
    // Falls through to the plain text.
  }
  return { level: "error", message: written };
}

export function lastLines(logs: readonly LogLine[], count = 15): string {
  return logs
    .slice(-count)
    .map((line) => JSON.stringify(line))
    .join("\n");
}
