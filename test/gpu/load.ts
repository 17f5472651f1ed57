// Work for the GPU, by whatever Python with PyTorch the machine has: matrix products that fill it, or copies of a
// known number of bytes each second. Without PyTorch the checks that need a load do not apply.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface Load {
  readonly pid: number;
  /** Lines that the load has printed, newest last. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

const MATMUL = `
import torch, sys
x = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
torch.cuda.synchronize()
print("ready", torch.cuda.memory_reserved(), flush=True)
while True:
    for _ in range(20): y = x @ x
    torch.cuda.synchronize()
`;

/** Prints the bytes copied so far and the time, ten times a second. */
const COPY = `
import torch, time, sys
rate = float(sys.argv[1])
piece = int(rate / 50)
p = torch.empty(piece, dtype=torch.uint8).pin_memory()
d = torch.empty_like(p, device="cuda")
torch.cuda.synchronize()
print("ready", flush=True)
start = time.time(); n = 0
while True:
    d.copy_(p); torch.cuda.synchronize(); n += 1
    if n % 5 == 0: print("copied", n * piece, time.time(), flush=True)
    ahead = start + n / 50 - time.time()
    if ahead > 0: time.sleep(ahead)
`;

/** Why there can be no load; null when there can. */
export function missingForLoad(): string | null {
  try {
    execFileSync("python3", ["-c", "import torch; assert torch.cuda.is_available()"], { stdio: "pipe" });
    return null;
  } catch {
    return "no python3 with PyTorch that sees the GPU";
  }
}

export function startMatmul(): Promise<Load> {
  return start(["-c", MATMUL]);
}

export function startCopy(bytesPerSecond: number): Promise<Load> {
  return start(["-c", COPY, String(bytesPerSecond)]);
}

async function start(args: readonly string[]): Promise<Load> {
  const child = spawn("python3", [...args], { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  const ready = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    if (line.startsWith("ready")) ready.resolve();
  });
  child.once("exit", (code) => {
    ready.reject(new Error(`the load ended with ${String(code)}`));
  });
  await ready.promise;
  return {
    pid: child.pid ?? -1,
    lines,
    stop: async () => {
      if (child.exitCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
