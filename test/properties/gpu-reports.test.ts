// From readings to what the coordinator makes of them, in random worlds: GPUs that fail, leave, come back, change
// places and are cut anew, drivers that go away, looks that come late or seldom, pods with devices of every form.
// Whatever happens, a GPU that works never looks idle, one that nobody has seen never does either, and what is read
// from a report is what was written into it.

import fc from "fast-check";
import { expect, test } from "vitest";

import { allocationOf } from "../../agent/assess/allocation.ts";
import { nodeDetailOf } from "../../agent/assess/detail.ts";
import { idleness, sourceDetail } from "../../agent/assess/idle.ts";
import type { NodeView } from "../../agent/assess/view.ts";
import { encodeDetail } from "../../agent/publish/ask.ts";
import { encodeShort } from "../../agent/publish/report-room.ts";
import { buildReport } from "../../agent/publish/reports.ts";
import { createSight } from "../../agent/sight.ts";
import { FRESH_COVERAGE } from "../../coordinator/decide/fleet/fresh.ts";
import { digestOf } from "../../coordinator/observe/fleet.ts";
import { decode, decodeGist, MAX_MESSAGE_BYTES } from "../../shared/contract/codec.ts";
import type { GpuReport } from "../../shared/contract/gpu-report.ts";
import { nodeDetailSchema } from "../../shared/contract/node-detail.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { readingsOf, writeCode } from "../../shared/model/gpu-readings.ts";
import type { GpuReadingName, GpuReadings } from "../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuSample, GpuSource, MigState } from "../../shared/model/gpu.ts";
import type { HeldDevice, HeldDevices } from "../../shared/model/held-device.ts";
import { NOT_SUPPORTED } from "../../shared/model/nvml-status.ts";
import { bytes, epochMs, millis } from "../../shared/model/units.ts";
import { aGpu, aLostGpu, aSample, ready } from "../build/gpu.ts";

const NODE = "gpu-1";
const IDLE_BELOW = 0.05;
const text = new TextDecoder();
const SUBJECT = subjectFor("report", NODE);

/** What one GPU does at one look; a number is its share, of each instance where it is cut. */
type Doing = number | "failed" | "unsupported" | "lost" | "silent";

interface Look {
  /** In intervals, since the look before. */
  readonly after: number;
  readonly source: "ready" | "hung" | "failed" | "no-device";
  /** 0: not cut; 1 to 3: so many instances; 4: it could not be asked. */
  readonly cuts: readonly number[];
  readonly swapped: boolean;
  readonly doing: readonly Doing[];
  /** The second instance of each card answers nothing. */
  readonly halfSilent: boolean;
  readonly devices: readonly string[] | null;
  /** In intervals, from the look to the report. */
  readonly reportAfter: number;
}

const GPUS = 3;
const mostlyIdle: fc.Arbitrary<Doing> = fc.oneof(
  { weight: 7, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.double({ min: 0, max: 1.02, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom<Doing>("failed", "unsupported", "lost", "silent") },
);
/** Of plugins, and the last ones of claims. */
const DEVICES =
  "GPU-0 GPU-1::3 GPU-9 MIG-0-1 MIG-1-0::2 MIG-gone MIG-GPU-2/1/0 MIG-GPU-9/1/0 nvidia0 nvidia1/gi1 nvidia2/gi9/vgpu1 nvidia7 0 2::1 17 gpu-1 gpu-2-mig-1g18gb-19-0 gpu-7 big".split(
    " ",
  );
const look: fc.Arbitrary<Look> = fc.record({
  after: fc.oneof(
    { weight: 6, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.double({ min: 0.1, max: 30, noNaN: true }) },
  ),
  source: fc.oneof(
    { weight: 7, arbitrary: fc.constant<Look["source"]>("ready") },
    { weight: 1, arbitrary: fc.constantFrom<Look["source"]>("hung", "failed", "no-device") },
  ),
  cuts: fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 4 })), {
    minLength: GPUS,
    maxLength: GPUS,
  }),
  swapped: fc.boolean(),
  doing: fc.array(mostlyIdle, { minLength: GPUS, maxLength: GPUS }),
  halfSilent: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
  devices: fc.option(fc.uniqueArray(fc.constantFrom(...DEVICES), { maxLength: 6 })),
  reportAfter: fc.constantFrom(0, 0.3, 0.9, 3),
});
const steady = fc
  .record({ times: fc.integer({ min: 1, max: 6 }), look })
  .map(({ times, look: one }) => Array.from({ length: times }, () => one));
/** Nothing for so long that it may be gone by; then one GPU begins to work, or can no longer be asked. */
const calm = fc
  .record({
    look,
    times: fc.constantFrom(12, 12, 55),
    begins: fc.nat(GPUS - 1),
    doing: fc.constantFrom<Doing>(0, 0.06, 0.9, "failed", "lost", "silent"),
    cuts: fc.constantFrom([0, 0, 0], [2, 0, 3], [0, 2, 4]),
  })
  .map(({ look: one, times, begins, doing, cuts }): readonly Look[] => {
    const idle = one.doing.map((): Doing => 0);
    const still: Look = {
      ...one,
      after: 1,
      source: "ready",
      cuts,
      doing: idle,
      halfSilent: false,
      devices: null,
      reportAfter: 0,
    };
    return [...Array.from({ length: times }, () => still), { ...still, doing: idle.with(begins, doing) }];
  });
const world = fc.record({
  intervalMs: fc.constantFrom(200, 1_000, 2_000, 4_000, 5_000, 10_000, 60_000),
  looks: fc.array(fc.oneof(steady, calm), { minLength: 1, maxLength: 6 }).map((some) => some.flat()),
});

function migOf(card: number, cut: number): MigState {
  if (cut === 4) return { kind: "failed", code: 999 };
  if (cut === 0) return { kind: "off" };
  const instances = Array.from({ length: cut }, (_, n) => ({
    uuid: `MIG-${card}-${n}`,
    gpuInstance: n,
    computeInstance: 0,
    profile: n === 2 ? null : "1g.18gb",
    memoryTotalBytes: { kind: "value", value: bytes(1024) } as const,
    computeSlices: { kind: "value", value: 1 } as const,
  }));
  return { kind: "on", instances };
}

function told(name: GpuReadingName, doing: number | "failed" | "unsupported"): GpuReadings {
  const readings = readingsOf({ memoryUsed: 1024, temperature: 40, power: 90 });
  if (typeof doing === "number") return readingsOf({ memoryUsed: 1024, [name]: doing });
  writeCode(readings, name, doing === "failed" ? 999 : NOT_SUPPORTED);
  return readings;
}

function sampleOf(card: number, identity: GpuIdentity, one: Look): GpuSample | null {
  const doing = one.doing[card] ?? "failed";
  if (doing === "silent") return null;
  if (doing === "lost") return aLostGpu(card);
  if (identity.mig.kind !== "on") return aSample(card, {}, { readings: told("utilization", doing) });
  // The last one works; the others do nothing.
  const last = identity.mig.instances.length - 1;
  const instances = identity.mig.instances
    .map(({ uuid }, n) => ({
      uuid,
      readings: told("gpmGraphicsActive", typeof doing === "number" && n < last ? 0 : doing),
    }))
    .filter((_, n) => n !== 1 || !one.halfSilent);
  return aSample(card, {}, { readings: told("utilization", "unsupported"), instances });
}

/** What of one look at a GPU may be gone by: its share, or null. */
function shareOf(sample: GpuSample | null, identity: GpuIdentity, one: Look, card: number): number | null {
  const doing = one.doing[card];
  if (sample === null || typeof doing !== "number") return null;
  const { mig } = identity;
  if (mig.kind === "on" && mig.instances.length > 1 && one.halfSilent) return null;
  return Math.min(1, doing);
}

function sourceOf(one: Look, gpus: readonly GpuIdentity[]): GpuSource {
  switch (one.source) {
    case "ready":
      return ready(...gpus);
    case "hung":
      return { state: "hung", call: "nvmlDeviceGetPowerUsage", gpu: 1, forMs: millis(3_000) };
    case "failed":
      return { state: "failed", call: "nvmlInit_v2", code: 999, detail: "x".repeat(100_000) };
    case "no-device":
      return { state: "no-device", driver: "580.95.05" };
  }
}

function heldOf(devices: Look["devices"]): HeldDevices {
  if (devices === null) return { kind: "unknown", why: "no socket" };
  const held = devices.map((device, n): HeldDevice => {
    const isClaimed = /^(gpu-|big)/.test(device);
    const by = isClaimed
      ? ({ kind: "claim", claim: "shared", driver: "gpu.nvidia.com", pool: NODE, cdi: [] } as const)
      : ({ kind: "plugin", resource: "nvidia.com/gpu" } as const);
    return { namespace: "ml", pod: `p-${n % 3}`, container: "main", device, by };
  });
  return { kind: "known", at: epochMs(1), devices: held };
}

/** Which card a name is of, told without the code that is tested; undefined: its name does not say. */
function cardOf(device: string): string | undefined {
  const card = /^(?:MIG-)?GPU-(\d+)|^MIG-(\d+)-\d+|^nvidia(\d+)|^gpu-(\d+)/
    .exec(device)
    ?.slice(1)
    .find(Boolean);
  return card === undefined ? undefined : `GPU-${card}`;
}

function checkHolders({ gpus, allocatedGpus, healthyGpus }: NodeView): void {
  for (const { identity, holders } of gpus) {
    for (const { device, gpu, instance } of holders ?? []) {
      expect(gpu).toBe(identity.uuid);
      expect(cardOf(device) ?? gpu).toBe(gpu);
      if (/^\d+(::|$)/.test(device)) expect(Number.parseInt(device, 10)).toBe(identity.index);
      const own = identity.mig.kind === "on" ? identity.mig.instances.map(({ uuid }) => uuid) : [];
      if (instance !== null) expect(own).toContain(instance);
    }
  }
  const healthy = gpus.filter(({ state }) => state === "present");
  expect(healthyGpus.gpus).toBe(healthy.length);
  if (healthy.some(({ holders }) => holders === null)) expect(allocatedGpus).toBeNull();
  if (allocatedGpus === null) return;
  expect(allocatedGpus.gpus).toBe(healthy.filter(({ holders }) => (holders ?? []).length > 0).length);
}

/** Read as it was written, but for what there was no room for. */
function readBack(report: GpuReport): GpuReport {
  const data = encodeShort(report);
  expect(data.byteLength).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
  const read = decode("report", SUBJECT, data);
  if (read.kind !== "message") throw new Error(read.detail);
  const { message } = read;
  expect(decodeGist(SUBJECT, data)).toMatchObject({
    kind: "message",
    message: {
      at: message.at,
      source: message.source,
      gpus: message.gpus.map(({ uuid, state, utilization: { w10, w60 } }) => ({
        uuid,
        ...(state === "present" ? {} : { state }),
        utilization: { w10, w60 },
      })),
    },
  });
  const bare = (of: GpuReport): GpuReport => ({
    ...of,
    unsupported: undefined,
    gpus: of.gpus.map((gpu) => ({ ...gpu, pods: undefined, smActive: undefined, tensorActive: undefined })),
  });
  expect(bare(read.message)).toEqual(bare(report));
  if (data.byteLength < 3_000) expect(read.message).toEqual(report);
  for (const gpu of read.message.gpus)
    for (const [count, held] of Object.values(gpu.mig ?? {})) expect(held ?? 0).toBeLessThanOrEqual(count);
  return read.message;
}

test("what works never looks idle, and neither does what nobody has seen", () => {
  let found = 0;
  fc.assert(
    fc.property(world, ({ intervalMs, looks }) => {
      let at = 0;
      const clock = { monotonic: () => millis(at) };
      const sight = createSight({ intervalMs: millis(intervalMs), clock, onChange: () => {} });
      const shares: { readonly at: number; readonly of: ReadonlyMap<string, number | null> }[] = [];
      for (const one of looks) {
        at += one.after * intervalMs;
        const cards = one.cuts.map((cut, card) => aGpu(card, { mig: migOf(card, cut) }));
        const listed = (one.swapped ? cards.toReversed() : cards).map((gpu, index) => ({ ...gpu, index }));
        const source = sourceOf(one, listed);
        const samples = cards.map((gpu, card) => sampleOf(card, gpu, one));
        if (source.state === "hung") sight.onSource(source);
        else {
          const taken = samples.filter((sample) => sample !== null);
          sight.onCycle({ at: epochMs(1), source, samples: source.state === "ready" ? taken : [] });
          const known = cards.map(
            (gpu, card) => [gpu.uuid, shareOf(samples[card] ?? null, gpu, one, card)] as const,
          );
          if (source.state === "ready") shares.push({ at, of: new Map(known) });
        }
        sight.onAllocation(allocationOf({ held: heldOf(one.devices), gpus: sight.seen.gpus }));

        at += one.reportAfter * intervalMs;
        const view = sight.view();
        checkHolders(view);
        const detail = nodeDetailOf({ node: NODE, at: epochMs(at), view, samples: sight.samples });
        if (one === looks.at(-1))
          expect(nodeDetailSchema.parse(JSON.parse(text.decode(encodeDetail(detail))))).toEqual(detail);
        const report = buildReport(NODE, view, { at: epochMs(at), seq: 0, describeSource: sourceDetail });
        const digest = digestOf(readBack(report), epochMs(at));
        const { busiest, peak, coverage } = digest;
        const isCalm =
          busiest !== null &&
          peak !== null &&
          Math.max(busiest, peak) < IDLE_BELOW &&
          coverage >= FRESH_COVERAGE;
        const isIdle = idleness(view, IDLE_BELOW).kind === "idle";
        if (!isCalm && !isIdle) continue;

        found++;
        expect(one.source).toBe("ready");
        const recent = shares.filter((each) => each.at > at - 10_000);
        for (const { uuid } of cards) {
          const own = recent.map(({ of }) => of.get(uuid) ?? null).filter((share) => share !== null);
          expect(own.length).toBeGreaterThan(0);
          expect(Math.max(...own)).toBeLessThan(IDLE_BELOW);
          // Each stands for 4 s at most, and the newest for as long again.
          expect(own.length).toBeGreaterThanOrEqual(9_000 / Math.min(4_000, 1.5 * intervalMs) - 1);
        }
      }
    }),
    { numRuns: 100 },
  );
  // Else nothing of it was tried.
  expect(found).toBeGreaterThan(100);
}, 60_000);
