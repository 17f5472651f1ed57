// `npm run test:gpu`: what only a real GPU can show. Our readings beside nvidia-smi's, what each call takes, GPM,
// events, the agent's own cost. It changes no setting of the GPU. Without one it names what it skips and ends well.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { describe } from "../../shared/runtime/errors.ts";
import { runCheck } from "./check.ts";
import type { GpuCheck, Result } from "./check.ts";
import { checksOf } from "./checks.ts";
import { askSmi } from "./smi.ts";

const EACH_WITHIN_MS = 100_000;

const { values } = parseArgs({
  options: {
    library: { type: "string" },
    /** The agent's bundle; made from the sources when not given. */
    agent: { type: "string" },
    /** The compiled test/bench/ffi-cycle.c; compiled here when not given. */
    yardstick: { type: "string" },
    out: { type: "string" },
    only: { type: "string" },
  },
});

const checks = checksOf({
  library: { path: values.library ?? null, driverRoots: [] },
  agent: values.agent ?? null,
  yardstick: values.yardstick ?? null,
}).filter(({ name }) => values.only === undefined || name.includes(values.only));

const missing = gpuMissing();
if (missing === null) await runAll(checks);
else for (const { name } of checks) console.log(`skipped: ${name} (${missing})`);

async function runAll(all: readonly GpuCheck[]): Promise<void> {
  const smi = askSmi();
  const head = {
    gpu: smi.text("product_name"),
    driver: smi.driver,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
  };
  console.log(`${head.gpu}, driver ${head.driver}, Node ${head.node}`);
  const results: Result[] = [];
  for (const check of all) {
    const result = await runCheck(check, EACH_WITHIN_MS);
    results.push(result);
    console.log(`${result.state.padEnd(15)} ${result.name} (${result.tookMs} ms): ${result.detail}`);
    for (const [name, value] of Object.entries(result.figures)) console.log(`    ${name} ${shown(value)}`);
    // Written as it goes: a driver that hangs in a later check must not take the earlier ones with it.
    if (values.out !== undefined)
      writeFileSync(
        join(values.out, "gpu-report.json"),
        `${JSON.stringify({ ...head, results }, null, 2)}\n`,
      );
  }
  const count = (state: Result["state"]): number => results.filter((one) => one.state === state).length;
  console.log(
    `${count("passed")} passed, ${count("failed")} failed, ${count("not-applicable")} not applicable`,
  );
  process.exitCode = count("failed") > 0 ? 1 : 0;
}

function shown(value: number | string | boolean | null): string {
  return typeof value === "number" ? String(Number(value.toPrecision(5))) : String(value);
}

/** Why there is nothing to check here; null when there is. */
function gpuMissing(): string | null {
  try {
    execFileSync("nvidia-smi", ["-L"], { stdio: "pipe" });
    return null;
  } catch (error) {
    return `no NVIDIA GPU: nvidia-smi ${describe(error).includes("ENOENT") ? "is not there" : "finds none"}`;
  }
}
