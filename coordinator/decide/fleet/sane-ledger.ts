// What is remembered of launches, made safe to calculate with. A moment that cannot be read, or that lies in the future,
// is one that nobody saw: the stages that it ends are not measured.

import type { EpochMs } from "../../../shared/model/units.ts";
import { LAUNCH_STAGES } from "../snapshot-memory.ts";
import type { AskedGrowth, LaunchedMachine, LaunchLedger, Memory } from "../snapshot-memory.ts";
import { isFlag, isListOf, isRecord, isText } from "./sane-form.ts";
import type { Form } from "./sane-form.ts";
import { eachValue } from "./sane-list.ts";
import { isAmount, isInstant } from "./sane-value.ts";

/** Machines and growths of a pool at most; our own have fewer. */
const MOST = 1_000;

type Ledgers = NonNullable<Memory["ledger"]>;

/** The record itself where all of it is well. An entry that is none is left out. */
export function saneLedgers(ledgers: Ledgers, at: EpochMs): Ledgers {
  const entries = Object.entries(ledgers);
  const well = entries.filter(([, ledger]) => isLedger(ledger));
  return eachValue(well.length === entries.length ? ledgers : Object.fromEntries(well), (ledger) =>
    saneLedger(ledger, at),
  );
}

const isAsked: Form = (entry) => isRecord(entry) && isText(entry["key"]);
const isMachine: Form = (entry) => isRecord(entry) && isText(entry["id"]);

function isLedger(ledger: unknown): boolean {
  if (!isRecord(ledger)) return false;
  const { asked, machines, stageMs } = ledger;
  return isListOf(isAsked)(asked) && isListOf(isMachine)(machines) && isRecord(stageMs);
}

function saneLedger(ledger: LaunchLedger, at: EpochMs): LaunchLedger {
  const { asked, machines, stageMs } = ledger;
  const isPast = (time: EpochMs | undefined): boolean =>
    time === undefined || (isInstant(time) && time <= at);
  const isWell =
    asked.length <= MOST &&
    machines.length <= MOST &&
    asked.every(({ intendedAt, seen }) => isPast(intendedAt) && isAmount(seen)) &&
    machines.every((machine) => MOMENTS.every((name) => isPast(machine[name])) && isForPods(machine)) &&
    Object.entries(stageMs).every(([stage, times]) => isStage(stage) && isListOf(isTime)(times));
  if (isWell) return ledger;
  return {
    asked: asked.slice(-MOST).map((entry) => saneAsked(entry, isPast)),
    machines: machines.slice(-MOST).map((machine) => saneMachine(machine, isPast)),
    stageMs: Object.fromEntries(
      LAUNCH_STAGES.flatMap((stage) => {
        const times: unknown = stageMs[stage];
        return Array.isArray(times) ? [[stage, times.filter(isTime)]] : [];
      }),
    ),
  };
}

const MOMENTS = ["intendedAt", "acceptedAt", "launchedAt", "registeredAt", "readyAt"] as const;
const isStage = (stage: string): boolean => LAUNCH_STAGES.some((known) => known === stage);
const isTime: Form = (ms) => typeof ms === "number" && isInstant(ms);
const isForPods = ({ forPods }: LaunchedMachine): boolean => forPods === undefined || isFlag(forPods);

type IsPast = (time: EpochMs | undefined) => boolean;

function saneAsked({ key, intendedAt, seen }: AskedGrowth, isPast: IsPast): AskedGrowth {
  return {
    key,
    ...(intendedAt === undefined || !isPast(intendedAt) ? {} : { intendedAt }),
    seen: isAmount(seen) ? seen : 0,
  };
}

function saneMachine(machine: LaunchedMachine, isPast: IsPast): LaunchedMachine {
  const moments = MOMENTS.flatMap((name) => {
    const moment = machine[name];
    return moment === undefined || !isPast(moment) ? [] : [[name, moment] as const];
  });
  return {
    id: machine.id,
    ...Object.fromEntries(moments),
    ...(machine.forPods === true ? { forPods: true } : {}),
  };
}
