// Carries the health of the node's GPUs to everybody who listens: what was read and heard goes in, and what is news
// of it goes to NATS at once, to the node's condition, to Kubernetes Events and to the log. It holds no verdict of its
// own, and nothing here waits or throws.

import type { HealthMessage } from "../../shared/contract/health.ts";
import type { HealthFinding, NodeHealth } from "../../shared/model/gpu-health.ts";
import type { GpuCycle, GpuEvent, GpuSource } from "../../shared/model/gpu.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { pause } from "../../shared/runtime/retry.ts";
import type { Moment } from "../assess/health/case.ts";
import type { Health, Heard } from "../assess/health/health.ts";
import type { HealthMemory } from "../assess/health/memory.ts";
import { conditionOf } from "./condition.ts";
import type { ConditionWriter } from "./condition.ts";
import type { EventPublisher } from "./events.ts";

/** For Kubernetes Events. Only what makes a node degraded or worse is told. */
export interface HealthNews {
  readonly fault: (finding: HealthFinding) => void;
  readonly recovered: (finding: HealthFinding) => void;
}

export interface HealthDesk {
  /** From the driver or the kernel's log. */
  onEvent(event: GpuEvent): void;
  onCycle(cycle: GpuCycle): void;
  onSource(source: GpuSource): void;
  expect(gpus: number | null): void;
  /** For pages and scrapes. */
  readonly findings: () => readonly HealthFinding[];
  readonly node: () => NodeHealth;
  readonly xids: Health["xids"];
  /** After the signal. Never rejects. */
  readonly ended: Promise<void>;
}

export interface HealthDeskOptions {
  readonly health: Health;
  readonly publisher: Pick<EventPublisher, "health">;
  readonly condition: Pick<ConditionWriter, "say">;
  readonly news: HealthNews;
  /** What stands, each time that it is told. */
  readonly onChange?: (findings: readonly HealthFinding[], node: NodeHealth) => void;
  /** Called when something changed that a restart must not forget. */
  readonly keep: (memory: HealthMemory) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const TICK_MS = 1_000;
const EVENTS_APART_MS = 1_000;
/** Numbers of XIDs come from outside. */
const TELLINGS_AT_MOST = 1_000;
/** All that stands is told again so often, with its numbers of then, for readers who missed it. */
const AGAIN_MS = 5 * 60_000;

export function createHealthDesk(options: HealthDeskOptions): HealthDesk {
  const { health, publisher, clock, log, signal } = options;
  const quiet = createQuietLog(log, clock);
  const tellings = new Map<string, number>();
  const startId = clock.now();
  let count = 0;
  /** What the agent before this one told of stands, and is no news to anybody. */
  let told = health.findings();
  let toldNode: NodeHealth | null = null;
  let toldAt = Number.NEGATIVE_INFINITY;
  let conditionWaits = false;

  const now = (): Moment => ({ at: clock.now(), steady: clock.monotonic() });

  const send = (body: HealthMessage["health"]): void => {
    count++;
    publisher.health({ at: clock.now(), id: `${startId}-${count}`, health: body });
  };

  /** A fault that readings show needs two of them. Until then an agent that has just begun does not say that all is well. */
  const sayCondition = (moment: Moment, node: NodeHealth, findings: readonly HealthFinding[]): void => {
    const isSure = node === "unknown" ? health.settled(moment) : node === "fatal" || health.sure(moment);
    if (isSure) options.condition.say(conditionOf(node, findings));
    conditionWaits = !isSure;
  };

  const tellChanges = (moment: Moment): void => {
    const change = health.changeSince(told);
    const { findings } = change;
    const node = health.node(moment);
    if (conditionWaits && !change.any) sayCondition(moment, node, findings);
    const due = moment.steady - toldAt >= AGAIN_MS;
    const isFirst = toldNode === null;
    const isNews = change.any || (isFirst && findings.length > 0);
    if (!isNews && node === toldNode && !due) return;
    // At the start nothing is known yet, and a condition of the agent before stands: no word before there is one.
    if (!health.settled(moment) && !isNews) return;
    told = findings;
    toldNode = node;
    toldAt = moment.steady;
    options.onChange?.(findings, node);
    send({ kind: "findings", node, findings: [...findings] });
    sayCondition(moment, node, findings);
    // The log begins anew with each agent, Kubernetes Events do not.
    for (const { rule, gpu, evidence, level } of isFirst ? findings : change.raised)
      log.warn({ name: rule, reason: evidence, state: level, ...uuidField(gpu) }, "a GPU is not well");
    for (const finding of change.raised) if (counts(finding)) options.news.fault(finding);
    for (const finding of change.over) {
      const { rule, gpu, evidence } = finding;
      log.info({ name: rule, reason: evidence, ...uuidField(gpu) }, "what was wrong with a GPU is over");
      if (counts(finding)) options.news.recovered(finding);
    }
    // Also when nothing is wrong: by what a GPU counted until now, the next agent sees that it was reset meanwhile.
    options.keep(health.memory());
  };

  /** One crash can be thousands of lines: each is counted, and each kind is told once a second. */
  const mayTell = (key: string, steady: number): boolean => {
    const last = tellings.get(key);
    if (last !== undefined && steady - last < EVENTS_APART_MS) return false;
    if (tellings.size >= TELLINGS_AT_MOST) tellings.clear();
    tellings.set(key, steady);
    return true;
  };

  const run = async (): Promise<void> => {
    while (await pause(clock, millis(TICK_MS), signal)) {
      try {
        const moment = now();
        health.tick(moment);
        tellChanges(moment);
      } catch (error) {
        log.error({ part: "health", error }, "a look at the GPUs' health failed");
      }
    }
  };

  /** The driver's thread and the kernel's log go on whatever happens here. */
  const safely = (work: (moment: Moment) => void): void => {
    try {
      const moment = now();
      work(moment);
      tellChanges(moment);
    } catch (error) {
      log.error({ part: "health", error }, "news of a GPU could not be taken in");
    }
  };

  return {
    onEvent: (event) => {
      safely((moment) => {
        const heard = health.event(event, moment);
        if (heard === null) return;
        const { gpu, busId, what, teller, text } = heard.event;
        const key = JSON.stringify([gpu ?? busId, what]);
        if (!mayTell(key, moment.steady)) return;
        send(eventBody(heard));
        const fields = { name: what.kind, source: teller, reason: text };
        quiet.log(
          key,
          "warn",
          { ...fields, ...uuidField(gpu ?? busId), ...numberField(what) },
          "a GPU event",
        );
        options.keep(health.memory());
      });
    },
    onCycle: (cycle) => {
      safely((moment) => {
        health.cycle(cycle, moment);
      });
    },
    onSource: (source) => {
      safely((moment) => {
        health.source(source, moment);
      });
    },
    expect: (gpus) => {
      health.expect(gpus);
    },
    findings: () => health.findings(),
    node: () => health.node(now()),
    xids: () => health.xids(),
    ended: run(),
  };
}

function eventBody({ event, ...heard }: Heard): HealthMessage["health"] {
  const { what, gpu, busId, teller, text } = event;
  const number = what.kind === "xid" ? what.xid : what.kind === "sxid" ? what.sxid : null;
  return {
    kind: "event",
    what: what.kind,
    number,
    gpu,
    busId,
    teller,
    class: heard.class,
    text: text.slice(0, 300),
  };
}

function counts({ level }: HealthFinding): boolean {
  return level === "fatal" || level === "degraded";
}

function uuidField(uuid: string | null): { readonly uuid?: string } {
  return uuid === null ? {} : { uuid };
}

function numberField(what: GpuEvent["what"]): { readonly code?: number } {
  return what.kind === "xid" ? { code: what.xid } : what.kind === "sxid" ? { code: what.sxid } : {};
}
