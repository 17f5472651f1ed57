// The health of a node's GPUs as a fold over what was read and heard: cycles, events and states of the source come in
// with their instants, findings come out. It follows the table of rules and holds no verdict of its own; nobody is
// told here and nothing is done about anything.

import type { HealthFinding, NodeHealth } from "../../../shared/model/gpu-health.ts";
import type { GpuCycle, GpuEvent, GpuIdentity, GpuSource, GpuUuid } from "../../../shared/model/gpu.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { findingOf, isForgotten, readGood, toldBad } from "./case.ts";
import type { Case, Moment, Rhythm } from "./case.ts";
import { createCases } from "./cases.ts";
import { RECOVERY_ACTION_XID, recoveryActionIn, xidEntry } from "./catalogue.ts";
import type { XidClass } from "./catalogue.ts";
import { createDedupe } from "./dedupe.ts";
import { createFacts, modelIn, peersOf, siblingsOf } from "./facts.ts";
import type { HealthMemory } from "./memory.ts";
import { recalled, remembered } from "./recall.ts";
import { createRecovery } from "./recovery.ts";
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
/** A telling that is older than a fault by no more than this was only heard later; by more, somebody set the clock. */
const HEARD_LATE_MS = 60_000;

export function createHealth(options: HealthOptions): Health {
  const rhythm: Rhythm = { fastMs: options.intervalMs, slowMs: options.slowIntervalMs };
  const times = createTimes(options.memory?.times ?? []);
  const cases = createCases(recalled(options.memory, options.boot, times, options.startedAt), rhythm);
  const before = options.memory?.boot === options.boot ? options.memory : null;
  const recovery = createRecovery(rhythm, before?.gpus ?? []);
  const identities = new Map<GpuUuid, GpuIdentity>();
  const byBus = new Map<string, GpuUuid>(
    before?.gpus.flatMap(({ gpu, busId }) => (busId === null ? [] : [[busId, gpu]])),
  );
  const facts = createFacts(Math.max(rhythm.slowMs, rhythm.fastMs), before?.gpus ?? []);
  const dedupe = createDedupe();
  const counts = createXidCounts();
  let source: GpuSource = { state: "starting" };
  let sourceAt = options.startedAt.steady;
  let answeredAt: number | null = null;
  let answeredFrom: number | null = null;
  let expected: number | null = null;
  let driver = before?.driver ?? null;
  /** As the driver lists them now, or did when it answered last. */
  let listed: readonly GpuIdentity[] = [];

  /** What a reset ends, on one GPU or, where nobody says which, on all. */
  const wasReset = (gpu: GpuUuid | null, only: (one: Case) => boolean = () => true): void => {
    cases.end((one) => one.rule.resettable && (gpu === null || one.gpu === gpu) && only(one));
  };

  const named = (event: GpuEvent): GpuEvent => {
    // A name that is empty is none.
    const busId = event.busId === "" ? null : event.busId;
    if (event.gpu !== null && event.gpu !== "") return { ...event, busId };
    return { ...event, busId, gpu: (busId === null ? undefined : byBus.get(busId)) ?? null };
  };

  const hear = (event: GpuEvent, now: Moment): void => {
    const { what, gpu } = event;
    const who = { gpu, busId: gpu === null ? event.busId : null };
    // What was told of a time after the reset is not over by it, though it was heard before.
    const isOlder = ({ toldAt }: Case): boolean =>
      toldAt === null || toldAt <= event.at || toldAt - event.at > HEARD_LATE_MS;
    // Without the GPU's name a reset on an unknown address ends nothing; a reload of the driver has no address.
    if (what.kind === "reset" && (gpu !== null || who.busId === null)) wasReset(gpu, isOlder);
    const withdrawn =
      what.kind === "xid" && what.xid === RECOVERY_ACTION_XID && recoveryActionIn(event.text) === 0;
    if (withdrawn && gpu !== null) wasReset(gpu, isOlder);
    for (const rule of RULES) {
      const telling = rule.events?.(event);
      if (telling === undefined) continue;
      if (telling === "good") cases.close(rule, who);
      else {
        const one = cases.of(rule, who, now);
        toldBad(one, telling.bad, event, now);
        one.times = times.count(rule, gpu, event.at);
      }
    }
  };

  /** Whether nothing can speak of its GPU any more, for or against it. */
  const isMoot = ({ gpu, toldAt }: Case, uuids: ReadonlySet<GpuUuid>): boolean => {
    if (gpu === null || uuids.has(gpu)) return false;
    const gone = identities.get(gpu);
    // What the agent before read of a GPU that this one has never met: taken away from the driver meanwhile, as for a
    // virtual machine. Whether it should be there is for the expected number to say.
    if (gone === undefined) return toldAt === null;
    // Its place in the list was all that was known of it, and something else has that place now.
    return gone.busId.kind !== "value" && gone.name.kind !== "value";
  };

  const learn = (next: GpuSource, now: Moment): void => {
    source = next;
    sourceAt = now.steady;
    if (next.state === "ready") {
      // Another version is a driver that was loaded anew: what was heard of the old one is over.
      const lastAt = answeredAt ?? options.startedAt.steady;
      if (isVersion(next.driver)) {
        if (driver !== null && driver !== next.driver) {
          wasReset(null, ({ badAt }) => badAt <= lastAt);
          // What was only read is read again, or this driver cannot tell it and would leave it standing for ever.
          cases.end(({ toldAt, badAt }) => toldAt === null && badAt <= lastAt);
        }
        ({ driver } = next);
      }
    }
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
    listed = next.gpus;
    cases.name((busId) => byBus.get(busId));
    const uuids = new Set(listed.map(({ uuid }) => uuid));
    cases.end((one) => isMoot(one, uuids));
  };

  const tick = (now: Moment): void => {
    const hungMs = source.state === "hung" ? source.forMs + (now.steady - sourceAt) : 0;
    const hungGpu = source.state === "hung" ? gpuAt(listed, source.gpu) : null;
    for (const rule of RULES) {
      if (rule.node === undefined) continue;
      const telling = rule.node({ source, hungMs, expected });
      // Which GPU a call hung on is known only while it hangs; what ends it ends it for all.
      if (telling === "good") {
        cases.end((one) => one.rule === rule && readGood(one, now, rhythm));
      } else cases.look(rule, hungGpu, telling, now);
    }
    cases.end((one) => isForgotten(one, now));
  };

  const standing = (): readonly HealthFinding[] =>
    [...cases.all()].filter(({ stands }) => stands).map(findingOf);

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
      const siblings = siblingsOf(cycle.samples, identities);
      for (const sample of cycle.samples) {
        const { uuid } = sample;
        wasReset(uuid, recovery.follow(sample, cases.all(), now));
        const identity = identities.get(uuid);
        const beside = { peers: peers.get(uuid), siblings: siblings.get(modelIn(identity)) };
        const seen = facts.of(sample, identity, beside, now.steady);
        for (const rule of RULES) if (rule.gpu !== undefined) cases.look(rule, uuid, rule.gpu(seen), now);
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
    memory: () => {
      const addresses = new Map([...byBus].map(([busId, gpu]) => [gpu, busId]));
      return {
        v: 1,
        boot: options.boot,
        driver,
        cases: remembered(cases.all()),
        times: times.all(),
        gpus: recovery
          .seen()
          .map((one) => ({ ...one, ...facts.seen(one.gpu), busId: addresses.get(one.gpu) ?? null })),
      };
    },
  };
}

function gpuAt(gpus: readonly GpuIdentity[], index: number | null): GpuUuid | null {
  return gpus.find((gpu) => gpu.index === index)?.uuid ?? null;
}

/** A driver that does not say its version has not changed it. */
function isVersion(text: string): boolean {
  return /^\d+\./.test(text);
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
