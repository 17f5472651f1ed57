// Checks of what reading costs and leaves behind: the time of each call, files and memory, rights, and the shipped agent
// as a process.

import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { LibraryOptions } from "../../agent/sample/nvml/library.ts";
import { millis } from "../../shared/model/units.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import { realRatio } from "../bench/ffi.ts";
import { quantile } from "../bench/figure.ts";
import { lookAt } from "../bench/look.ts";
import { runAgent } from "./agent.ts";
import { judged } from "./check.ts";
import type { Outcome } from "./check.ts";
import type { CheckOptions } from "./checks.ts";
import { firstGpu, openDriver, opened } from "./driver.ts";

const NOBODY = "65534";
const REOPENED = 50;

/** Memory that the driver takes for itself, found by the first check and not held against the agent by the last. */
const taken = { rssMib: 0, anonMib: 0 };

export async function latencies(library: LibraryOptions): Promise<Outcome> {
  return await opened(library, async (driver) => {
    firstGpu(driver.generations.cycle());
    driver.forget();
    const cyclesMs: number[] = [];
    for (let i = 0; i < 60; i++) {
      const from = performance.now();
      driver.generations.cycle();
      cyclesMs.push(performance.now() - from);
      await sleep(100);
    }
    const figures: Record<string, number> = {
      cycle_p50_ms: quantile(cyclesMs, 0.5),
      cycle_p99_ms: quantile(cyclesMs, 0.99),
    };
    for (const [name, us] of driver.tookUs) {
      figures[`${name}_p50_us`] = quantile([...us], 0.5);
      figures[`${name}_p99_us`] = quantile([...us], 0.99);
    }
    return judged(
      figures["cycle_p99_ms"] !== undefined && figures["cycle_p99_ms"] < 50
        ? []
        : ["a cycle took 50 ms or more"],
      "a cycle of one GPU, ten a second",
      figures,
    );
  });
}

/** Every connection anew, as after a reload of the driver: what is left of the ones before? */
export async function reopening(library: LibraryOptions): Promise<Outcome> {
  const files = (): readonly string[] =>
    readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return [];
      }
    });
  // The first one leaves what the driver needs once in a process.
  await opened(library, (driver) => driver.generations.cycle());
  const before = files();
  const rssBefore = process.memoryUsage.rss();
  for (let i = 0; i < REOPENED; i++)
    await opened(library, (driver) => {
      firstGpu(driver.generations.cycle());
      driver.generations.events()?.wait(millis(1));
    });
  const left = files().slice(before.length);
  const grownMib = (process.memoryUsage.rss() - rssBefore) / 1024 ** 2;
  return judged(
    [
      // A driver of branch 580 leaves one event descriptor behind each time that its library is unloaded, whoever
      // does it; this is why the agent keeps the library for as long as it is the same.
      ...(left.length > REOPENED + 2 || left.some((file) => file.startsWith("/dev/"))
        ? [`${left.length} files were left open: ${[...new Set(left)].join(", ")}`]
        : []),
      ...(grownMib > REOPENED ? [`memory grew by ${grownMib} MiB`] : []),
    ],
    `loaded, opened, waited and closed ${REOPENED} times`,
    { files_left: left.length, grown_mib: grownMib },
  );
}

/** Who brings what into the process: the driver's own libraries and memory, stage by stage. */
export async function letsGo(library: LibraryOptions): Promise<Outcome> {
  const figures: Record<string, number> = {};
  const look = (stage: string): void => {
    const { rssMib, anonMib } = lookAt(process.pid);
    figures[`${stage}_rss_mib`] = rssMib;
    figures[`${stage}_anon_mib`] = anonMib;
  };
  look("before");
  const driver = openDriver(library, { gpm: false });
  driver.generations.cycle();
  driver.generations.events()?.wait(millis(1));
  look("opened");
  // What the driver's own library takes in any process that uses it.
  taken.rssMib = (figures["opened_rss_mib"] ?? 0) - (figures["before_rss_mib"] ?? 0);
  taken.anonMib = (figures["opened_anon_mib"] ?? 0) - (figures["before_anon_mib"] ?? 0);
  driver.generations.release();
  driver.generations.cycle();
  look("released");
  const held = readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const to = readlinkSync(`/proc/self/fd/${fd}`);
      return to.startsWith("/dev/nvidia") ? [to] : [];
    } catch {
      return [];
    }
  });
  driver.generations.close();
  return await Promise.resolve(
    judged(
      held.length > 0 ? [`released, and still open: ${held.join(", ")}`] : [],
      "nothing of the driver is held after a release",
      figures,
    ),
  );
}

/** The same readings again in a process that is nobody and may do nothing. */
export function asNobody(): Outcome {
  if (process.getuid?.() !== 0) return { state: "not-applicable", detail: "only root can become nobody" };
  const self = process.argv[1] ?? "";
  const privileges = [
    `--reuid=${NOBODY}`,
    `--regid=${NOBODY}`,
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
  ];
  const output = execFileSync("setpriv", [...privileges, process.execPath, self, "--only", "at rest"], {
    encoding: "utf8",
    timeout: 60_000,
    env: { ...readEnvironment(), HOME: "/tmp" },
  });
  const line = /^passed .*at rest.*$/m.exec(output)?.[0];
  const tensor = /gpmSmActive (\S+)/.exec(output)?.[1] ?? "no value";
  return judged(line === undefined ? [output.slice(-600)] : [], "everything as root reads it", {
    gpmSmActive: tensor,
  });
}

export async function elsewhere(library: LibraryOptions): Promise<Outcome> {
  if (library.path !== null) return { state: "not-applicable", detail: "a library was named" };
  const maps = await opened(library, (driver) => {
    firstGpu(driver.generations.cycle());
    return readFileSync("/proc/self/maps", "utf8");
  });
  const path = /\S*libnvidia-ml\.so\S*/.exec(maps)?.[0];
  if (path === undefined) return { state: "failed", detail: "the library is in no map of this process" };
  const directory = mkdtempSync(join(tmpdir(), "nvml-elsewhere-"));
  try {
    copyFileSync(realpathSync(path), join(directory, "libnvidia-ml.so.1"));
    return await opened({ path: directory, driverRoots: [] }, (driver) => {
      firstGpu(driver.generations.cycle());
      return judged([], "found in a folder that was named");
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export async function ratio(library: LibraryOptions, yardstick: string | null): Promise<Outcome> {
  const path = library.path ?? "libnvidia-ml.so.1";
  const figures = await realRatio(path, yardstick);
  const of = (name: string): number => figures.find((one) => one.name === name)?.value ?? Number.NaN;
  const value = of("ratio_gpu");
  return judged(
    value <= 1.05 ? [] : [`ratio_gpu is ${value}, above 1.05`],
    "the same calls from C and from Node",
    {
      ratio_gpu: value,
      node_cycle_us: of("node_cycle_us"),
      c_cycle_us: of("c_cycle_us"),
    },
  );
}

export async function agent(options: CheckOptions): Promise<Outcome> {
  const entry = options.agent ?? (await bundledAgent());
  const { path } = options.library;
  const { outcome } = await runAgent(entry, path, { forMs: 60_000, driver: taken });
  return outcome;
}

async function bundledAgent(): Promise<string> {
  // Loaded only here: packed for another machine, these checks have no sources to bundle.
  const { bundle, ENTRIES } = await import("../../deploy/bundle.ts");
  const entries = { "agent.js": ENTRIES["agent.js"], "nvml-worker.js": ENTRIES["nvml-worker.js"] };
  return join(await bundle({ outdir: "dist/gpu", entries }), "agent.js");
}
