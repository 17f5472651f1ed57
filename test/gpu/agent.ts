// The shipped agent on the real GPU for a minute, with nobody to talk to: what it costs, and whether what it costs
// stays the same. Memory and processor time are what the kernel says of the process.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { AGENT_NODE_FLAGS } from "../../agent/flags.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import { lookAt } from "../bench/look.ts";
import { judged } from "./check.ts";
import type { Outcome } from "./check.ts";

const PORT = "19402";
/** Points nowhere: the agent has to live without an API server. */
const KUBECONFIG = `apiVersion: v1
kind: Config
current-context: none
contexts: [{ name: none, context: { cluster: none, user: none } }]
clusters: [{ name: none, cluster: { server: "http://127.0.0.1:9" } }]
users: [{ name: none, user: { token: none } }]
`;
const SETTLE_MS = 12_000;

export interface AgentRun {
  readonly outcome: Outcome;
  /** What a scrape of the last moment said. */
  readonly page: string;
}

export async function runAgent(
  entry: string,
  library: string | null,
  options: {
    readonly forMs: number;
    /** What the driver's own library takes in a process. */
    readonly driver: { readonly rssMib: number; readonly anonMib: number };
  },
): Promise<AgentRun> {
  const { forMs, driver } = options;
  const dir = mkdtempSync(join(tmpdir(), "gpu-agent-"));
  writeFileSync(join(dir, "kubeconfig"), KUBECONFIG);
  const agent = spawn(process.execPath, [...AGENT_NODE_FLAGS, entry], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...readEnvironment(),
      NODE_NAME: "gpu-check",
      GPUAS_KUBECONFIG: join(dir, "kubeconfig"),
      GPUAS_NATS_SERVERS: "nats://127.0.0.1:9",
      GPUAS_METRICS_HOST: "127.0.0.1",
      GPUAS_METRICS_PORT: PORT,
      GPUAS_METRIC_NAMES: "native,guide,dcgm",
      ...(library === null ? {} : { GPUAS_NVML_LIBRARY: library }),
    },
  });
  try {
    const pid = agent.pid ?? 0;
    await sleep(SETTLE_MS);
    const before = { ...lookAt(pid), threads: count(pid, "task"), files: count(pid, "fd") };
    await sleep(forMs);
    const after = { ...lookAt(pid), threads: count(pid, "task"), files: count(pid, "fd") };
    const page = await (await fetch(`http://127.0.0.1:${PORT}/metrics`)).text();
    const figures = {
      rss_mib: after.rssMib,
      anon_mib: after.anonMib,
      own_rss_mib: after.rssMib - driver.rssMib,
      own_anon_mib: after.anonMib - driver.anonMib,
      cpu_percent: (100 * (after.cpuSeconds - before.cpuSeconds)) / (forMs / 1000),
      threads: after.threads,
      files: after.files,
      lines: page.split("\n").length,
    };
    const complaints = [
      ...(figures.own_rss_mib > 95
        ? [`RSS without the driver's is ${figures.own_rss_mib} MiB, above 95`]
        : []),
      ...(figures.own_anon_mib > 45
        ? [`anonymous memory without the driver's is ${figures.own_anon_mib} MiB, above 45`]
        : []),
      ...(after.threads > before.threads ? [`threads grew from ${before.threads} to ${after.threads}`] : []),
      ...(after.files > before.files + 2 ? [`open files grew from ${before.files} to ${after.files}`] : []),
      ...(page.includes("gpu_utilization_percent{") ? [] : ["the page shows no utilisation"]),
    ];
    return { outcome: judged(complaints, `one GPU at 1 Hz for ${forMs / 1000} s`, figures), page };
  } finally {
    if (agent.exitCode === null) {
      const ended = once(agent, "exit");
      agent.kill("SIGTERM");
      await Promise.race([ended, sleep(8_000)]);
      if (agent.exitCode === null) agent.kill("SIGKILL");
    }
    rmSync(dir, { recursive: true, force: true });
  }
}

function count(pid: number, what: "task" | "fd"): number {
  return readdirSync(`/proc/${pid}/${what}`).length;
}
