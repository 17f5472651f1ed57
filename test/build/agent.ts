// The shipped agent as a child process: its bundle, made when the sources are newer, with the Node flags that the
// image uses. For scenarios, benches and the demo.

import { join } from "node:path";

import { AGENT_NODE_FLAGS } from "../../agent/flags.ts";
import { ensureBundle, ENTRIES } from "../../deploy/bundle.ts";
import { lastLines, ROOT, startProgram } from "./program.ts";
import type { Program } from "./program.ts";

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
  /** As of startProgram. */
  readonly ownGroup?: boolean;
  /** Resolve before the agent is ready, when what it needs is away on purpose. */
  readonly waitFor?: "ready" | "listening";
}

export type AgentProcess = Program;

const READY_WITHIN_MS = 30_000;

/** Resolves when the agent serves its probes and has seen its node and its GPUs. */
export async function startAgent(options: AgentStart): Promise<AgentProcess> {
  const { from = "bundle", waitFor = "ready" } = options;
  const entry = from === "bundle" ? await bundledAgent() : join(ROOT, "agent/main.ts");
  const agent = await startProgram({
    name: "agent",
    flags: AGENT_NODE_FLAGS,
    entry,
    listening: "metrics and probes",
    ownGroup: options.ownGroup ?? false,
    env: {
      NODE_NAME: options.node,
      GPUAS_KUBECONFIG: options.kubeconfig,
      GPUAS_NATS_SERVERS: options.nats,
      GPUAS_METRICS_HOST: "127.0.0.1",
      GPUAS_METRICS_PORT: "0",
      // This machine's own log is nothing of a test's, and neither is the cloud that it may run in.
      GPUAS_KERNEL_LOG: "none",
      GPUAS_CLOUD: "none",
      ...(options.doubleDir === undefined ? {} : { LD_LIBRARY_PATH: options.doubleDir }),
      ...(options.scenario === undefined ? {} : { NVML_DOUBLE_SCENARIO: options.scenario }),
      ...(options.counters === undefined ? {} : { NVML_DOUBLE_COUNTERS: options.counters }),
      ...options.env,
    },
  });
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
