// Keeps what the kubelet says of who holds which device: asks for the list now and then, soon when the pods of the
// node have changed, and seldom when the kubelet is in trouble. What was heard last stays, with its age, until three
// attempts or 30 s have failed; then nothing is known any more. An answer that lacks pods which are on the node is
// believed only when it stays so: a kubelet that has just started lists none. Which device is which GPU is decided in
// assess.

import { concernsGpus } from "../../../shared/model/held-device.ts";
import type { HeldDevice, HeldDevices } from "../../../shared/model/held-device.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { pause } from "../../../shared/runtime/retry.ts";
import { createPulse } from "../../../shared/runtime/stream.ts";
import { createPodResourcesChannel } from "./channel.ts";
import { decodeListResponse } from "./decode.ts";

export interface PodResourcesOptions {
  /** Path of the kubelet's socket. */
  readonly socket: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Other devices are held, or by others; or it is known now, or no longer, or for another reason. Not for its age. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
  readonly listEveryMs?: Millis;
  /** Whether the API server says that this pod is on the node and neither ended nor leaving. Unset: it is not asked. */
  readonly isOnNode?: (pod: { readonly namespace: string; readonly name: string }) => boolean;
}

export interface PodResources {
  /** Devices that may be GPUs; `at` is when the kubelet said so. */
  state(): HeldDevices;
  /** Asks soon, at most once a second; while the kubelet is in trouble, when it is asked again anyway. */
  refresh(): void;
  /** Ends with the signal. */
  readonly ended: Promise<void>;
}

const LIST_EVERY_MS = millis(10_000);
const REFRESH_GAP_MS = millis(1_000);
/** A pod shows in a watch before the kubelet has given it its devices. */
const GATHER_MS = millis(250);
/** How long the last list counts while the kubelet does not answer. */
export const ATTEMPTS_MAX = 3;
export const SILENCE_MAX_MS: Millis = millis(30_000);

/** A kubelet serves this before it has heard from the API server which pods it has; then they come all at once. */
const DOUBT_MS = 10_000;
const DOUBT_PAUSE_MS = millis(2_000);

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const MISSING_PAUSE_MS = 10_000;
const SLOWEST_MS = 60_000;

export function watchPodResources(options: PodResourcesOptions): PodResources {
  const { socket, clock, log, onChange, signal, listEveryMs = LIST_EVERY_MS, isOnNode } = options;
  const channel = createPodResourcesChannel(socket, clock);
  const pulse = createPulse(clock);
  let held: HeldDevices = { kind: "unknown", why: "the kubelet has not been asked yet" };
  let heard: string | null = null;
  let said: HeldDevices["kind"] | null = null;
  let failures = 0;
  let failingSinceMs = 0;
  let doubtedSinceMs: number | null = null;

  /** Whether the answer is short of a pod that held something before and is still on the node. */
  function isDoubtful(devices: readonly HeldDevice[]): boolean {
    const listed = new Set(devices.map(podOf));
    const before = held.kind === "known" ? held.devices : [];
    const lacks = before.some(
      (one) => !listed.has(podOf(one)) && isOnNode?.({ namespace: one.namespace, name: one.pod }) === true,
    );
    if (!lacks) {
      doubtedSinceMs = null;
      return false;
    }
    doubtedSinceMs ??= clock.monotonic();
    return clock.monotonic() - doubtedSinceMs < DOUBT_MS;
  }

  /** False: it is not believed yet. */
  function onAnswer(all: readonly HeldDevice[]): boolean {
    const devices = all.filter(concernsGpus).sort(byHolder);
    if (isDoubtful(devices)) {
      failures = 0;
      log.debug({ count: devices.length }, "the kubelet lists fewer pods than there are; asking again");
      return false;
    }
    const text = JSON.stringify(devices);
    const isNews = held.kind === "unknown" || text !== heard;
    held = { kind: "known", at: clock.now(), devices };
    heard = text;
    failures = 0;
    if (said !== "known") log.info({ count: devices.length }, "the kubelet says which pods hold the GPUs");
    said = "known";
    doubtedSinceMs = null;
    if (isNews) onChange();
    return true;
  }

  function onFailure(error: unknown): void {
    log.debug({ error, count: failures + 1 }, "asking the kubelet which pods hold the GPUs failed");
    if (failures === 0) failingSinceMs = clock.monotonic();
    failures++;
    if (held.kind === "unknown" || failures >= ATTEMPTS_MAX || silentForMs() >= SILENCE_MAX_MS) giveUp(error);
  }

  function silentForMs(): number {
    return clock.monotonic() - failingSinceMs;
  }

  function giveUp(error: unknown): void {
    const reason = describe(error);
    const isNews = held.kind === "known" || held.why !== reason;
    held = { kind: "unknown", why: reason };
    heard = null;
    // Once, whatever the reasons after it.
    if (said !== "unknown")
      log.warn({ reason }, "which pods hold the GPUs is not known; readings go on without pods");
    said = "unknown";
    if (isNews) onChange();
  }

  /** What is known may grow too old in the middle of a pause. */
  async function rest(ms: number, error: unknown): Promise<boolean> {
    const leftMs = held.kind === "known" ? Math.max(0, SILENCE_MAX_MS - silentForMs()) : Infinity;
    if (leftMs >= ms) return await pause(clock, millis(ms), signal);
    if (!(await pause(clock, millis(leftMs), signal))) return false;
    giveUp(error);
    return await pause(clock, millis(ms - leftMs), signal);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const answer = await ask();
      if (signal.aborted) break;
      if (answer.kind === "failed") {
        onFailure(answer.error);
        if (!(await rest(pauseAfter(answer.error, failures, listEveryMs), answer.error))) break;
      } else if (!onAnswer(answer.devices)) {
        if (!(await pause(clock, DOUBT_PAUSE_MS, signal))) break;
      } else {
        const waited = pulse.next({
          minGapMs: REFRESH_GAP_MS,
          maxWaitMs: listEveryMs,
          gatherMs: GATHER_MS,
          signal,
        });
        // It rejects for the signal alone, which the loop looks at.
        await waited.catch(() => {});
      }
    }
    channel.close();
  }

  async function ask(): Promise<Answer> {
    try {
      return { kind: "answered", devices: decodeListResponse(await channel.list(signal)) };
    } catch (error) {
      return { kind: "failed", error };
    }
  }

  return { state: () => held, refresh: pulse.trigger, ended: run() };
}

type Answer =
  | { readonly kind: "answered"; readonly devices: readonly HeldDevice[] }
  | { readonly kind: "failed"; readonly error: unknown };

/** No jitter: on each node one agent asks one kubelet, so nobody returns together. */
function pauseAfter(error: unknown, failures: number, listEveryMs: Millis): number {
  const doubled = 2 ** Math.min(failures - 1, 10);
  const kind = kindOf(error);
  if (kind === "throttled") return Math.min(SLOWEST_MS, listEveryMs * 2 * doubled);
  if (kind === "not-found") return MISSING_PAUSE_MS;
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * doubled);
}

function podOf({ namespace, pod }: HeldDevice): string {
  return `${namespace}/${pod}`;
}

/** The kubelet lists from maps, so the order of its answers says nothing. */
function byHolder(a: HeldDevice, b: HeldDevice): number {
  const left = keyOf(a);
  const right = keyOf(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

function keyOf({ namespace, pod, container, device, by }: HeldDevice): string {
  return [namespace, pod, container, by.kind === "plugin" ? by.resource : by.claim, device].join("\0");
}
