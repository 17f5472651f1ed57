// What NVIDIA's DRA driver says of the devices that claims hold: which GPU or MIG instance a name such as gpu-0 is.
// The API server is asked only when a claim of that driver is seen here, and again when other devices are claimed or
// the driver shows other GPUs: an instance that is cut anew keeps its name and gets another UUID.

import { GPU_CLAIM_DRIVER, sliceKey } from "../../shared/model/held-device.ts";
import type { HeldDevice, SliceDevice } from "../../shared/model/held-device.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { pause } from "../../shared/runtime/retry.ts";
import { createPulse } from "../../shared/runtime/stream.ts";

export interface ResourceSlicesOptions {
  readonly client: Pick<KubeClient, "list">;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The slices say something else now. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
}

export interface ResourceSlices {
  /** By `sliceKey`; empty before the first answer, and on nodes without such claims. */
  devices(): ReadonlyMap<string, SliceDevice>;
  /** The devices that are held now; asks when claimed ones are among them that were not when it asked last. */
  saw(held: readonly HeldDevice[]): void;
  /** The driver shows other GPUs, or cut in another way: the same name may stand for another of them. */
  refresh(): void;
  readonly ended: Promise<void>;
}

/** The newest first: a cluster serves one of them at least where such claims exist. */
const VERSIONS = ["v1", "v1beta2", "v1beta1"] as const;
const ASK_GAP_MS = millis(5_000);
const RETRY_MS = millis(30_000);
/** No right to read slices, or a cluster without them: somebody has to change something first. */
const HOPELESS_RETRY_MS = millis(300_000);
/** A year: nothing is asked unless it is wanted. */
const NEVER_MS = millis(365 * 24 * 3_600_000);

export function watchResourceSlices(options: ResourceSlicesOptions): ResourceSlices {
  const { client, node, clock, log, onChange, signal } = options;
  const pulse = createPulse(clock);
  let devices: ReadonlyMap<string, SliceDevice> = new Map();
  let wanted = "";
  let said = false;

  async function answer(): Promise<ReadonlyMap<string, SliceDevice>> {
    for (const version of VERSIONS) {
      try {
        const selector = { fieldSelector: `spec.nodeName=${node}` };
        const list = await client.list({ ...RESOURCE.resourceSlices, version }, selector, { signal });
        return devicesIn(list.items);
      } catch (error) {
        if (kindOf(error) !== "not-found" || version === VERSIONS.at(-1)) throw error;
      }
    }
    return new Map();
  }

  /** Answers how long to wait before it is tried again; null: it is done. */
  async function ask(): Promise<Millis | null> {
    try {
      const before = JSON.stringify([...devices]);
      devices = await answer();
      if (said) log.info({ count: devices.size }, "resource slices can be read again");
      said = false;
      if (JSON.stringify([...devices]) !== before) onChange();
      return null;
    } catch (error) {
      if (signal.aborted) return null;
      if (!said)
        log.warn({ error }, "resource slices cannot be read; claimed GPUs are told apart by name alone");
      said = true;
      return kindOf(error) === "denied" || kindOf(error) === "not-found" ? HOPELESS_RETRY_MS : RETRY_MS;
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      // It rejects for the signal alone, which the loop looks at.
      await pulse.next({ minGapMs: ASK_GAP_MS, maxWaitMs: NEVER_MS, signal }).catch(() => {});
      if (signal.aborted) return;
      for (let again = await ask(); again !== null; again = await ask()) {
        if (!(await pause(clock, again, signal))) return;
      }
    }
  }

  return {
    devices: () => devices,
    saw: (held) => {
      const claimed = held.flatMap(({ device, by }) =>
        by.kind === "claim" && by.driver === GPU_CLAIM_DRIVER
          ? [`${by.claim} ${sliceKey(by.pool, device)}`]
          : [],
      );
      const now = [...new Set(claimed)].sort().join("\n");
      if (now === wanted) return;
      wanted = now;
      if (now !== "") pulse.trigger();
    },
    refresh: () => {
      if (wanted !== "") pulse.trigger();
    },
    ended: run(),
  };
}

/**
 * The GPUs among the devices of slices. A pool that is being written anew stands there twice for a while; its highest
 * generation counts. What is not of the expected shape is passed over: the name alone has to do for it then.
 */
export function devicesIn(slices: readonly UnreadObject[]): ReadonlyMap<string, SliceDevice> {
  const newest = new Map<string, number>();
  const ours = slices.map(({ spec }) => readSlice(spec)).filter((slice) => slice !== null);
  for (const { pool, generation } of ours) {
    newest.set(pool, Math.max(generation, newest.get(pool) ?? 0));
  }
  const found = new Map<string, SliceDevice>();
  for (const { pool, generation, devices } of ours) {
    if (generation !== newest.get(pool)) continue;
    for (const device of devices) {
      const name = fieldOf(device, "name");
      // Before v1beta2 the attributes stood one level deeper.
      const attributes = fieldOf(device, "attributes") ?? fieldOf(fieldOf(device, "basic"), "attributes");
      const uuid = textAttribute(attributes, "uuid");
      const parent = textAttribute(attributes, "parentUUID");
      if (typeof name === "string" && (uuid ?? parent) !== null)
        found.set(sliceKey(pool, name), { uuid, parent });
    }
  }
  return found;
}

interface Slice {
  readonly pool: string;
  readonly generation: number;
  readonly devices: readonly unknown[];
}

function readSlice(spec: unknown): Slice | null {
  const pool = fieldOf(spec, "pool");
  const name = fieldOf(pool, "name");
  const generation = fieldOf(pool, "generation") ?? 0;
  const devices = fieldOf(spec, "devices");
  if (fieldOf(spec, "driver") !== GPU_CLAIM_DRIVER || typeof name !== "string") return null;
  if (typeof generation !== "number" || !Array.isArray(devices)) return null;
  return { pool: name, generation, devices };
}

/** An attribute's name may stand with the driver's domain ahead of it, which is the default. */
function textAttribute(attributes: unknown, name: string): string | null {
  const attribute = fieldOf(attributes, name) ?? fieldOf(attributes, `${GPU_CLAIM_DRIVER}/${name}`);
  const text = fieldOf(attribute, "string");
  return typeof text === "string" && text !== "" ? text : null;
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
