// The shipped coordinator as a child process: the bundle or the sources, with the Node flags that the image uses.
// For scenarios and the demo. Beside it, gpuasctl as people call it.

import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

import { COORDINATOR_NODE_FLAGS } from "../../coordinator/flags.ts";
import { ensureBundle, ENTRIES } from "../../deploy/bundle.ts";
import { ROOT, startProgram } from "./program.ts";
import type { Program } from "./program.ts";

export interface CoordinatorStart {
  /** Path of a kubeconfig. */
  readonly kubeconfig: string;
  readonly nats: string;
  /** Default: the bundle. */
  readonly from?: "source" | "bundle";
  /** Further settings, by environment name. */
  readonly env?: Readonly<Record<string, string>>;
  /** As of startProgram. */
  readonly ownGroup?: boolean;
  /** Resolve when it serves its probes (default), or not before it leads. */
  readonly waitFor?: "listening" | "leading";
}

export interface CoordinatorProcess extends Program {
  /** The value of the first series of a metric whose line contains all of `parts`; null when there is none. */
  metric(name: string, ...parts: readonly string[]): Promise<number | null>;
}

export async function startCoordinator(options: CoordinatorStart): Promise<CoordinatorProcess> {
  const { from = "bundle" } = options;
  const program = await startProgram({
    name: "coordinator",
    flags: COORDINATOR_NODE_FLAGS,
    entry: from === "bundle" ? await bundled("coordinator.js") : join(ROOT, "coordinator/main.ts"),
    listening: "listening",
    ownGroup: options.ownGroup ?? false,
    env: {
      GPUAS_KUBECONFIG: options.kubeconfig,
      GPUAS_NATS_SERVERS: options.nats,
      GPUAS_METRICS_HOST: "127.0.0.1",
      GPUAS_METRICS_PORT: "0",
      ...options.env,
    },
  });
  if (options.waitFor === "leading") await program.line(({ message }) => message === "leading");
  return {
    ...program,
    metric: async (name, ...parts) => {
      const page = await (await fetch(new URL("/metrics", program.url))).text();
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

/** Only the file that is needed: whether another program builds is not this helper's business. */
async function bundled(file: "coordinator.js" | "gpuasctl.js"): Promise<string> {
  return join(await ensureBundle({ entries: { [file]: ENTRIES[file] } }), file);
}

export interface CtlResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts gpuasctl, for whoever reads it while it runs. */
export async function startGpuasctl(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ChildProcessByStdio<null, Readable, Readable>> {
  return spawn(process.execPath, [await bundled("gpuasctl.js"), ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    // Nobody's own kubeconfig may be found.
    env: { HOME: ROOT, ...env },
  });
}

/** Runs gpuasctl to its end. */
export async function gpuasctl(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CtlResult> {
  const child = await startGpuasctl(args, env);
  const closed = once(child, "close");
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await closed) as [number | null];
  return { code, out, err };
}
