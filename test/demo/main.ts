// `npm run demo`: the product's main job on the embedded world, in at most three minutes. Exit code 1 when a
// check fails, 65 when the trace or the command line is wrong, 130 on Ctrl-C after every child was stopped.

import { readFileSync, writeFileSync } from "node:fs";

import { parseJobTrace } from "../../coordinator/replay/trace.ts";
import { AppError, describe, ERROR_KINDS, kindOf } from "../../shared/runtime/errors.ts";
import { figureRows } from "./figures.ts";
import { parseOptions } from "./options.ts";
import type { DemoOptions } from "./options.ts";
import { runDemo } from "./run.ts";
import type { DemoRun } from "./run.ts";
import { ARRIVALS_MINUTES, firstJobs } from "./workload.ts";

const DEFAULT_TRACE = new URL("../traces/philly-2017-10-24.csv", import.meta.url).pathname;

/** What a shell says of a command that Ctrl-C ended. */
const INTERRUPTED = 130;
/** Two signals so close together are one wish. */
const TWICE_WITHIN_MS = 300;

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, DEFAULT_TRACE);
  const whole = parseJobTrace(readTrace(options.traceFile), options.traceFile);
  const trace = firstJobs(whole, options.traceFile);

  if (options.jsonFile !== null) writeJson(options.jsonFile, "");

  const stop = new AbortController();
  let askedAt = Infinity;
  const onSignal = (): void => {
    // The terminal and npm both tell us of one Ctrl-C. What still lives when we exit is killed.
    if (performance.now() - askedAt > TWICE_WITHIN_MS) process.exit(INTERRUPTED);
    if (stop.signal.aborted) return;
    askedAt = performance.now();
    print("stopping every process, in order; once more ends them at once");
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  // Nobody reads any more, as after `| head`.
  process.stdout.on("error", () => stop.abort());
  print(
    "gpu-autoscaler demo: one second is one minute of the trace, and the policy's windows are the product's divided by 60",
  );
  const later = whole.length - trace.length;
  print(
    `trace ${options.traceFile.split("/").at(-1)}: ${trace.length} jobs${later > 0 ? ` (${later} that arrive after ${ARRIVALS_MINUTES} minutes are left out)` : ""}; priorities and utilisation are drawn with seed ${options.seed}`,
  );
  try {
    const run = await runDemo({
      trace,
      seed: options.seed,
      sabotage: options.sabotage,
      print,
      signal: stop.signal,
    });
    report(run, options);
    return run.checks.every((check) => check.held) ? 0 : 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    print("interrupted; every process was stopped");
    return INTERRUPTED;
  }
}

function readTrace(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new AppError("bad-input", `--trace ${file}: cannot be read`, { cause });
  }
}

function report(run: DemoRun, options: DemoOptions): void {
  print("");
  for (const [name, value] of figureRows(run.figures)) print(`${name.padEnd(28)} ${value}`);
  print("");
  for (const check of run.checks)
    print(`${check.held ? "held  " : "FAILED"} ${check.name.padEnd(9)} ${check.detail}`);
  if (options.jsonFile === null) return;
  const json = {
    trace: options.traceFile,
    seed: options.seed,
    broken: options.sabotage,
    events: run.events.map(({ at, text }) => ({
      at: new Date(at).toISOString(),
      afterS: (at - run.startedAt) / 1000,
      text,
    })),
    table: run.figures,
    checks: run.checks,
  };
  writeJson(options.jsonFile, `${JSON.stringify(json, null, 2)}\n`);
}

/** Once at the start as well, so that a wrong path is told before the run and not after it. */
function writeJson(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new AppError("bad-input", `--json ${file}: cannot be written`, { cause });
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`demo: ${describe(error)}\n`);
  process.exitCode = ERROR_KINDS[kindOf(error)].exitCode;
}
