// The shipped agent as a child process: its bundle, made when the sources are newer, with the Node flags that the
// image uses. For scenarios, benches and the demo.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { AGENT_NODE_FLAGS } from "../../agent/flags.ts";
import { ensureBundle, ENTRIES } from "../../deploy/bundle.ts";

export interface AgentStart {
  readonly node: string;
  /** Path of a kubeconfig. */
  readonly kubeconfig: string;
  readonly nats: string;
  /** Folder with the double of the NVML library, found through the dynamic loader as a driver's library is. */
  readonly doubleDir?: string;
  readonly scenario?: string;
  readonly counters?: string;
  /** Default: the bundle. */
  readonly from?: "source" | "bundle";
  /** Further settings, by environment name. */
  readonly env?: Readonly<Record<string, string>>;
  /** Resolve before the agent is ready, when what it needs is away on purpose. */
  readonly waitFor?: "ready" | "listening";
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface AgentProcess {
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

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const READY_WITHIN_MS = 30_000;

/** Resolves when the agent serves its probes and has seen its node and its GPUs. */
export async function startAgent(options: AgentStart): Promise<AgentProcess> {
  const { from = "bundle", waitFor = "ready" } = options;
  const entry = from === "bundle" ? await bundledAgent() : join(ROOT, "agent/main.ts");
  const child = spawn(process.execPath, [...AGENT_NODE_FLAGS, entry], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    // Nothing of our own environment: the agent gets the settings that are named here and no others.
    env: {
      NODE_NAME: options.node,
      GPUAS_KUBECONFIG: options.kubeconfig,
      GPUAS_NATS_SERVERS: options.nats,
      GPUAS_METRICS_HOST: "127.0.0.1",
      GPUAS_METRICS_PORT: "0",
      ...(options.doubleDir === undefined ? {} : { LD_LIBRARY_PATH: options.doubleDir }),
      ...(options.scenario === undefined ? {} : { NVML_DOUBLE_SCENARIO: options.scenario }),
      ...(options.counters === undefined ? {} : { NVML_DOUBLE_COUNTERS: options.counters }),
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
        if (found === undefined) reject(new Error(`the agent ended without that line:\n${lastLines(logs)}`));
        else resolve(found);
      };
      watchers.add(watcher);
      watcher();
    });
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    if (!ended) child.kill(signal);
    return exited;
  };

  const listening = await line((one) => one.message === "metrics and probes");
  const agent: AgentProcess = {
    pid: child.pid ?? 0,
    url: String(listening["url"]),
    logs,
    exited,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    line,
  };
  if (waitFor === "ready") await untilReady(agent);
  return agent;
}

/** Only the agent's own two files: whether the coordinator builds is not this helper's business. */
async function bundledAgent(): Promise<string> {
  const entries = { "agent.js": ENTRIES["agent.js"], "nvml-worker.js": ENTRIES["nvml-worker.js"] };
  return join(await ensureBundle({ entries }), "agent.js");
}

async function untilReady(agent: AgentProcess): Promise<void> {
  const giveUpAt = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const [answer, over] = await Promise.race([
      fetch(new URL("/readyz", agent.url)).then(
        async (page) => [{ ok: page.ok, body: await page.text() }, false] as const,
      ),
      agent.exited.then(() => [{ ok: false, body: "ended" }, true] as const),
    ]);
    if (answer.ok) return;
    if (over || performance.now() > giveUpAt) {
      await agent.kill();
      throw new Error(`the agent is not ready: ${answer.body}\n${lastLines(agent.logs)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What is no JSON is a crash of Node itself, which is worth reading too. */
function parseLine(text: string): LogLine {
  try {
    const line: unknown = JSON.parse(text);
    // Our own log wrote it, so it has level and message.
    if (typeof line === "object" && line !== null && "message" in line) return line as LogLine;
  } catch {
    // Falls through to the plain text.
  }
  return { level: "error", message: text };
}

function lastLines(logs: readonly LogLine[]): string {
  return logs
    .slice(-15)
    .map((line) => JSON.stringify(line))
    .join("\n");
}
