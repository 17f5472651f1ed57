// The agents of a fleet, for benches: a process of its own that tells of every node what its agent would, so that what they
// cost is not charged to whoever listens (report-sender.ts). Not a bench itself.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { Sending } from "./report-sender.ts";

/** They speak from now on. Returns what ends them. */
export function speakForAgents(sending: Sending): () => Promise<void> {
  const sender = spawn(process.execPath, [fileURLToPath(new URL("report-sender.ts", import.meta.url))], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  const exited = once(sender, "exit");
  sender.stdin.write(`${JSON.stringify(sending)}\n`);
  return async () => {
    sender.stdin.end();
    await exited;
  };
}
