// The health of a node's GPUs as a fold over what was read and heard: cycles, events and states of the source come in
// with their instants, findings come out. It follows the table of rules and holds no verdict of its own; nobody is
// told here and nothing is done about anything.

import type { HealthFinding, NodeHealth } from "../../../shared/model/gpu-health.ts";
import type { GpuCycle, GpuEvent, GpuIdentity, GpuSource, GpuUuid } from "../../../shared/model/gpu.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { findingOf, isForgotten, openCase, readBad, readGood, toldBad } from "./case.ts";
import type { Case, Moment, Rhythm } from "./case.ts";
import { RECOVERY_ACTION_XID, recoveryActionIn, xidEntry } from "./catalogue.ts";
import type { XidClass } from "./catalogue.ts";
import { createDedupe } from "./dedupe.ts";
import { createFacts, peersOf } from "./facts.ts";
import type { HealthMemory } from "./memory.ts";
import { caseKey, recalled, remembered } from "./recall.ts";
import { createRecovery } from "./recovery.ts";
import type { Rule, Telling } from "./rule.ts";
import { RULES } from "./rules.ts";
import { createTimes } from "./times.ts";
import { changeOf, nodeHealth, worstFirst } from "./verdict.ts";
import type { HealthChange } from "./verdict.ts";
import { createXidCounts } from "./xid-counts.ts";
import type { XidCount } from "./xid-counts.ts";

export interface HealthOptions {
  readonly intervalMs: Millis;
  readonly slowIntervalMs: Millis;
  /** Of the machine's present boot; null when it does not say. */
  readonly boot: string | null;
  /** Of the agent before this one. */
  readonly memory: HealthMemory | null;
  readonly startedAt: Moment;
}

/** An event as the health sees it: with the GPU's name where the teller knew its address only. */
export interface Heard {
  readonly event: GpuEvent;
  readonly class: XidClass;
}

export interface Health {
  /** Null when the other teller has told of it already: it confirms, and is no news. */
  event(event: GpuEvent, now: Moment): Heard | null;
  cycle(cycle: GpuCycle, now: Moment): void;
  source(source: GpuSource, now: Moment): void;
  /** How many GPUs this node must have; null when nobody says. */
  expect(gpus: number | null): void;
  /** Time has passed: once a second is enough, also while no cycle comes. */
  tick(now: Moment): void;
  findings(): readonly HealthFinding[];
  /** What is news beside the findings that were told last. */
  changeSince(told: readonly HealthFinding[]): HealthChange & { readonly findings: readonly HealthFinding[] };
  node(now: Moment): NodeHealth;
  /** False only at the start, until the GPUs were asked or could not be for 5 minutes: too early for a verdict. */
  settled(now: Moment): boolean;
  /** The GPUs were asked for so long that a fault which readings show would stand: a good verdict is sure only then. */
  sure(now: Moment): boolean;
  xids(): readonly XidCount[];
  memory(): HealthMemory;
}

/** GPUs that did not answer for so long are unknown. */
export const UNKNOWN_AFTER_MS = 5 * 60_000;

export function createHealth(options: HealthOptions): Health {
  const rhythm: Rhythm = { fastMs: options.intervalMs, slowMs: options.slowIntervalMs };
  const times = createTimes(options.memory?.times ?? []);
  const cases = recalled(options.memory, options.boot, times, options.startedAt);
  const recovery = createRecovery();
  const identities = new Map<GpuUuid, GpuIdentity>();
  const byBus = new Map<string, GpuUuid>();
  const facts = createFacts();
  const dedupe = createDedupe();
  const counts = createXidCounts();
  let source: GpuSource = { state: "starting" };
  let sourceAt = options.startedAt.steady;
  let answeredAt: number | null = null;
  let answeredFrom: number | null = null;
  let expected: number | null = null;

  const caseOf = (rule: Rule, gpu: GpuUuid | null, now: Moment): Case => {
    const key = caseKey(rule.name, gpu);
    const found = cases.get(key) ?? openCase(rule, gpu, now);
    cases.set(key, found);
    return found;
  };
  const close = (rule: Rule, gpu: GpuUuid | null): boolean => cases.delete(caseKey(rule.name, gpu));

  const look = (rule: Rule, gpu: GpuUuid | null, telling: Telling, now: Moment): void => {
    if (telling === undefined) return;
    if (telling !== "good") {
      readBad(caseOf(rule, gpu, now), telling.bad, now, rhythm);
      return;
    }
    const open = cases.get(caseKey(rule.name, gpu));
    if (open !== undefined && readGood(open, now, rhythm)) close(rule, gpu);
  };

  /** What a reset ends, on one GPU or, where nobody says which, on all. */
  const wasReset = (gpu: GpuUuid | null, only: (one: Case) => boolean = () => true): void => {
    for (const [key, one] of cases)
      if (one.rule.resettable && (gpu === null || one.gpu === gpu) && only(one)) cases.delete(key);
  };

  const named = (event: GpuEvent): GpuEvent => {
    // A name that is empty is none.
    const busId = event.busId === "" ? null : event.busId;
    if (event.gpu !== null && event.gpu !== "") return { ...event, busId };
    return { ...event, busId, gpu: (busId === null ? undefined : byBus.get(busId)) ?? null };
  };

  const hear = (event: GpuEvent, now: Moment): void => {
    const { what, gpu } = event;
    // Without the GPU's name a reset on an unknown address ends nothing; a reload of the driver has no address.
    if (what.kind === "reset" && (gpu !== null || event.busId === null)) wasReset(gpu);
    const withdrawn =
      what.kind === "xid" && what.xid === RECOVERY_ACTION_XID && recoveryActionIn(event.text) === 0;
    if (withdrawn && gpu !== null) wasReset(gpu);
    for (const rule of RULES) {
      const telling = rule.events?.(event);
      if (telling === undefined) continue;
      if (telling === "good") close(rule, gpu);
      else {
        const one = caseOf(rule, gpu, now);
        toldBad(one, telling.bad, event, now);
        one.times = times.count(rule, gpu, event.at);
      }
    }
  };

  const learn = (next: GpuSource, now: Moment): void => {
    source = next;
    sourceAt = now.steady;
    if (next.state === "ready" || next.state === "no-device") {
      answeredAt = now.steady;
      answeredFrom ??= now.steady;
    }
    if (next.state !== "ready") return;
    // A GPU that is gone keeps its name: what is said of it is said by UUID.
    for (const gpu of next.gpus) {
      identities.set(gpu.uuid, gpu);
      if (gpu.busId.kind === "value") byBus.set(gpu.busId.value, gpu.uuid);
    }
  };

  const tick = (now: Moment): void => {
    const hungMs = source.state === "hung" ? source.forMs + (now.steady - sourceAt) : 0;
    const hungGpu = source.state === "hung" ? gpuAt(identities, source.gpu) : null;
    for (const rule of RULES) {
      if (rule.node === undefined) continue;
      const telling = rule.node({ source, hungMs, expected });
      // Which GPU a call hung on is known only while it hangs; what ends it ends it for all.
      if (telling === "good") {
        for (const one of cases.values())
          if (one.rule === rule && readGood(one, now, rhythm)) close(rule, one.gpu);
      } else look(rule, hungGpu, telling, now);
    }
    for (const [key, one] of cases) if (isForgotten(one, now.at)) cases.delete(key);
  };

  const standing = (): readonly HealthFinding[] =>
    [...cases.values()].filter(({ stands }) => stands).map(findingOf);

  return {
    event: (told, now) => {
      const event = named(told);
      const second = dedupe.isSecondTelling(event);
      hear(event, now);
      if (second) return null;
      counts.add(event);
      return { event, class: classOf(event) };
    },
    cycle: (cycle, now) => {
      learn(cycle.source, now);
      const peers = peersOf(cycle.samples, identities);
      for (const sample of cycle.samples) {
        const { uuid } = sample;
        wasReset(uuid, recovery.follow(sample, cases.values(), now));
        const seen = facts.of(sample, identities.get(uuid), peers.get(uuid), now.steady);
        for (const rule of RULES) if (rule.gpu !== undefined) look(rule, uuid, rule.gpu(seen), now);
      }
      tick(now);
    },
    source: (next, now) => {
      learn(next, now);
      tick(now);
    },
    expect: (gpus) => {
      expected = gpus;
    },
    tick,
    findings: () => worstFirst(standing()),
    changeSince: (told) => {
      const findings = worstFirst(standing());
      return { ...changeOf(told, findings), findings };
    },
    node: (now) => nodeHealth(standing(), answeredAt !== null && now.steady - answeredAt < UNKNOWN_AFTER_MS),
    settled: (now) => answeredAt !== null || now.steady - options.startedAt.steady >= UNKNOWN_AFTER_MS,
    // The second reading of the slow group comes within two of its turns.
    sure: ({ steady }) =>
      answeredFrom !== null && steady - answeredFrom >= 2 * Math.max(rhythm.slowMs, rhythm.fastMs),
    xids: () => counts.all(),
    memory: () => ({
      v: 1,
      boot: options.boot,
      cases: remembered(cases.values()),
      times: times.all(),
    }),
  };
}

function gpuAt(identities: ReadonlyMap<GpuUuid, GpuIdentity>, index: number | null): GpuUuid | null {
  if (index === null) return null;
  for (const gpu of identities.values()) if (gpu.index === index) return gpu.uuid;
  return null;
}

function classOf({ what }: GpuEvent): XidClass {
  switch (what.kind) {
    case "xid":
      return xidEntry(what.xid).class;
    case "sxid":
      return what.fatal ? "fatal" : "suspicion";
    case "lost":
    case "unavailable":
      return "fatal";
    case "reset":
    case "mig-changed":
    case "recovery-action":
      return "informational";
  }
}
