// `agent inspect`: everything that one look at this machine tells, as data. The parts are asked at the same time and
// each within its own bounds, so that what fails or hangs in one is a line in the answer and takes nothing from the
// others. How it looks on paper is inspect-table.ts.

import type { NodeDetail } from "../../shared/contract/node-detail.ts";
import type { HealthFinding, NodeHealth } from "../../shared/model/gpu-health.ts";
import type { GpuSource, GpuSurvey } from "../../shared/model/gpu.ts";
import type { HeldDevices } from "../../shared/model/held-device.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { describe } from "../../shared/runtime/errors.ts";
import { allocationOf } from "../assess/allocation.ts";
import { nodeDetailOf } from "../assess/detail.ts";
import type { Moment } from "../assess/health/case.ts";
import { createHealth } from "../assess/health/health.ts";
import { NOTHING_KNOWN, NOTHING_SEEN, seenAfter, viewOf } from "../assess/view.ts";
import { createHistory } from "../assess/window.ts";
import { deviceNodesState } from "../sample/device-nodes.ts";
import type { GpuListener } from "../sample/source.ts";
import { checkLine } from "./checks.ts";
import type { CheckLine } from "./checks.ts";
import { lookAtGpus } from "./look.ts";
import type { Look, StartSampler } from "./look.ts";
import type { Machine } from "./machine.ts";

export interface InspectOptions {
  readonly node: string;
  readonly start: StartSampler;
  readonly clock: Clock;
  /** How many GPUs this node must have; null when nobody says. */
  readonly expectedGpus: number | null;
  readonly machine: () => Promise<Machine>;
  /** What the kubelet says of devices. @throws AppError when it cannot be asked. */
  readonly held: () => Promise<HeldDevices>;
  /** Places in which the NVML library is looked for. */
  readonly places: () => readonly string[];
  /** By name, in the order in which they are printed. */
  readonly checks: Readonly<Record<string, () => Promise<Omit<CheckLine, "name">>>>;
}

/** The answer on `ask.<node>` and what only a process on the machine can find out. */
export interface Inspection extends NodeDetail {
  readonly machine: Machine | { readonly unknown: string };
  readonly checks: readonly CheckLine[];
  /** Null when the driver did not answer, or has nothing to be asked. */
  readonly survey: GpuSurvey | null;
  /** GPUs can be read. */
  readonly readable: boolean;
}

const LOOK_WITHIN_MS = millis(9_000);
const CHECK_WITHIN_MS = millis(6_000);

/** A second turn of the slow group, by which a fault that shows in readings is confirmed. */
const LOOK_AT_LEAST_MS = millis(2_500);
/** The shortest that there may be: how often the look reads is not this file's business. */
const RHYTHM = { intervalMs: millis(500), slowIntervalMs: millis(1_000) };

/** Ends within 15 s. `hung`: a driver call does not return, and only SIGKILL ends this process. */
export async function inspect(
  options: InspectOptions,
): Promise<{ readonly inspection: Inspection; readonly ended: Look["ended"] }> {
  const { node, start, clock } = options;
  const at = clock.now();
  const watched = watchHealth(clock, options.expectedGpus);
  const checking = Object.entries(options.checks).map(
    async ([name, check]) => await checkLine(name, () => within(clock, CHECK_WITHIN_MS, check)),
  );
  const [look, machine, held, checks] = await Promise.all([
    lookAtGpus({
      start,
      clock,
      withinMs: LOOK_WITHIN_MS,
      atLeastMs: LOOK_AT_LEAST_MS,
      hear: watched.listener,
    }),
    within(clock, CHECK_WITHIN_MS, options.machine).catch((error: unknown) => ({ unknown: describe(error) })),
    within(clock, CHECK_WITHIN_MS, options.held).catch((error: unknown): HeldDevices => ({
      kind: "unknown",
      why: describe(error),
    })),
    Promise.all(checking),
  ]);
  const seen = look.cycle === null ? NOTHING_SEEN : seenAfter(NOTHING_SEEN, look.cycle);
  const current = { ...seen, source: look.source };
  const allocation = allocationOf({ held, gpus: seen.gpus });
  const known = { ...NOTHING_KNOWN, allocation, ...watched.verdict() };
  const view = viewOf(current, known, createHistory(RHYTHM.intervalMs), clock.monotonic());
  const detail = nodeDetailOf({ node, at, view, samples: look.cycle?.samples ?? [] });
  const local = [
    libraryLine(look, options.places()),
    ...("unknown" in machine ? [] : [deviceLine(machine), countLine(machine, look.source)]),
    podLine(held, detail.allocation),
  ];
  return {
    inspection: {
      ...detail,
      readable: look.source.state === "ready" && detail.gpus.some(({ state }) => state === "present"),
      machine,
      checks: [...local, ...checks],
      survey: look.survey,
    },
    ended: look.ended,
  };
}

/** What a few seconds show. What the driver told before, and how often, only the agent that was running knows. */
function watchHealth(
  clock: Clock,
  expectedGpus: number | null,
): {
  readonly listener: GpuListener;
  readonly verdict: () => { readonly findings: readonly HealthFinding[]; readonly health: NodeHealth };
} {
  const moment = (): Moment => ({ at: clock.now(), steady: clock.monotonic() });
  const health = createHealth({ ...RHYTHM, boot: null, memory: null, startedAt: moment() });
  health.expect(expectedGpus);
  return {
    listener: {
      onCycle: (cycle) => {
        health.cycle(cycle, moment());
      },
      onSource: (source) => {
        health.source(source, moment());
      },
      onEvent: (event) => {
        health.event(event, moment());
      },
    },
    verdict: () => ({ findings: health.findings(), health: health.node(moment()) }),
  };
}

function libraryLine({ source, survey }: Look, places: readonly string[]): CheckLine {
  const name = "NVML library";
  const searched = `looked for in: ${places.join(", ")}`;
  if (source.state === "library-missing")
    return { name, ok: false, detail: `${source.detail} (${searched})` };
  if (source.state === "starting") return { name, ok: null, detail: `not known yet (${searched})` };
  return { name, ok: true, detail: survey?.library ?? `loaded (${searched})` };
}

function deviceLine({ devices }: Machine): CheckLine {
  const name = "device files";
  const state = deviceNodesState(devices);
  if (state === "gone") {
    const detail = "no /dev/nvidia0, nvidiactl or dxg here: this container was given no GPU";
    return { name, ok: false, detail };
  }
  const refused = devices.filter(({ refusal }) => refusal !== null);
  const why = refused.map(({ path, refusal }) => `${path}: ${refusal}${REFUSALS[refusal ?? ""] ?? ""}`);
  return state === "usable"
    ? { name, ok: true, detail: devices.map(({ path }) => path).join(", ") }
    : { name, ok: false, detail: why.join("; ") };
}

const REFUSALS: Readonly<Record<string, string>> = {
  EPERM: " (the device cgroup of this container forbids it)",
  EACCES: " (the mode of the file forbids it to this user)",
};

/** A GPU that fell off the bus, or that this container may not see, shows as a difference. */
function countLine({ pciGpus }: Machine, source: GpuSource): CheckLine {
  const name = "GPUs on the bus";
  const shown = source.state === "ready" ? source.gpus.length : null;
  const detail = `${pciGpus ?? "an unknown number"} on the PCI bus, ${shown ?? "an unknown number"} by the driver`;
  if (pciGpus === null || pciGpus === 0 || shown === null) return { name, ok: null, detail };
  return { name, ok: shown >= pciGpus, detail };
}

function podLine(held: HeldDevices, allocation: NodeDetail["allocation"]): CheckLine {
  const name = "PodResources";
  if (held.kind === "unknown")
    return { name, ok: null, detail: `who holds which GPU is not known: ${held.why}` };
  const holders = allocation.kind === "known" ? allocation.holders.length : 0;
  return { name, ok: true, detail: `the kubelet answers; GPU devices held by containers: ${holders}` };
}

async function within<T>(clock: Clock, ms: Millis, work: () => Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = clock.sleep(ms, timer.signal).then(
    () => Promise.reject(new Error(`no answer within ${ms} ms`)),
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([work(), late]);
  } finally {
    timer.abort();
  }
}
