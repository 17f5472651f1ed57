// `npm run control-plane`: a cluster on this machine to try the chart on, until Ctrl-C. Exit code 130 then; as of any other
// program of ours when it cannot be had.

import { once } from "node:events";
import { relative } from "node:path";

import { describe, ERROR_KINDS, kindOf } from "../../shared/runtime/errors.ts";
import { GROUP, startHandsOn } from "./hands-on.ts";

const FOLDER = new URL("../../.cache/control-plane", import.meta.url).pathname;
/** What a shell says of a command that Ctrl-C ended. */
const INTERRUPTED = 130;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

async function main(): Promise<number> {
  const stop = new AbortController();
  // npm and the terminal both tell of one Ctrl-C: once is enough, and more do no harm.
  for (const signal of SIGNALS) process.on(signal, () => stop.abort());
  await using cluster = await startHandsOn(FOLDER, say);
  say(`a control plane is at ${cluster.server.origin}`);
  say(
    `it has one node without GPUs, and machines with one GPU each by MachineDeployment ${GROUP.namespace}/${GROUP.name}`,
  );
  say("in another shell, in this folder:");
  say(`  . ${relative(process.cwd(), cluster.settings)}`);
  say("Ctrl-C ends it");
  if (!stop.signal.aborted) await once(stop.signal, "abort");
  say("ending every process");
  return INTERRUPTED;
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`);
}

// A pending signal alone keeps no process alive.
const alive = setInterval(() => {}, 2 ** 30);
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`control-plane: ${describe(error)}\n`);
  process.exitCode = ERROR_KINDS[kindOf(error)].exitCode;
} finally {
  clearInterval(alive);
}
