// What must not outlive this process: children that are ended and folders that are removed when it ends, by itself or by a
// signal. A process that is killed outright ends nothing.

import type { ChildProcess } from "node:child_process";

const ends = new Set<() => void>();
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

function endAll(): void {
  for (const end of ends) end();
  ends.clear();
}

/** One listener for all: each with its own would be a leak by Node's count. */
process.once("exit", endAll);
for (const signal of SIGNALS) {
  process.on(signal, function endsWithSignal() {
    process.off(signal, endsWithSignal);
    // Whoever listens besides ends things in order, and then the process exits. A runner may have loaded this file twice.
    const others = process.listeners(signal).filter(({ name }) => name !== endsWithSignal.name);
    if (others.length > 0) return;
    endAll();
    process.kill(process.pid, signal);
  });
}

/** `end` is called at once, not waited for. The function that comes back says that it is no longer needed. */
export function endsWithUs(end: () => void): () => void {
  ends.add(end);
  return () => {
    ends.delete(end);
  };
}

/** Killed with us, as long as it lives. */
export function childOfUs(child: ChildProcess): void {
  const forget = endsWithUs(() => void child.kill("SIGKILL"));
  child.once("close", forget);
  child.once("error", () => {
    if (child.pid === undefined) forget();
  });
}
