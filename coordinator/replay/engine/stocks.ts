// What the cloud of a replay has to give, as the traces say: limits that rise and fall, machines that are taken when they
// fall below what is held, and the notice before that. The traces are known here alone: a sizer hears of a fall when the
// notice comes, and of a rise by a launch that goes well.

import type { CapacityType } from "../../../shared/model/node.ts";
import { after, epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Scenario, StockTrace } from "../scenario.ts";
import type { World } from "../world.ts";
import type { Agents } from "./agents.ts";
import type { Book, MachineUse } from "./book.ts";

export interface Stocks {
  nextAt(): EpochMs | null;
  /** Does all that is due at `now`. */
  moveTo(now: EpochMs): void;
}

export interface StocksParts {
  readonly scenario: Pick<Scenario, "start" | "stocks" | "times">;
  readonly world: World;
  readonly book: Book;
  readonly agents: Agents;
  readonly onNotice: (machine: MachineUse) => void;
  /** Just before it goes. `clean`: it was told, and nothing runs or waits on it any more. */
  readonly onTaken: (machine: MachineUse, clean: boolean) => void;
}

interface Change {
  readonly at: EpochMs;
  readonly what: "notice" | "limit";
  readonly trace: StockTrace;
  readonly available: number | null;
}

export function createStocks(parts: StocksParts): Stocks {
  const { scenario, world, book, agents, onNotice, onTaken } = parts;
  const changes = changesOf(scenario);
  /** Machines that were told when they go. */
  const told = new Map<string, EpochMs>();
  let next = 0;

  /** The newest first: those that a cloud takes first. */
  function held(trace: StockTrace): readonly MachineUse[] {
    return [...book.held()].filter((machine) => isOf(machine, trace)).toReversed();
  }

  function noticeOf({ trace, available, at }: Change): void {
    if (available === null) return;
    const own = held(trace);
    // Some of those that are too many may go already, by an earlier notice.
    const going = own.filter(
      ({ id }) => (told.get(id) ?? Infinity) <= after(at, scenario.times.noticeMs),
    ).length;
    let extra = own.length - available - going;
    for (const machine of own) {
      if (extra <= 0) return;
      if (told.has(machine.id)) continue;
      extra -= 1;
      // One that is no node yet has nobody who could hear it.
      if (machine.node === null) continue;
      const deadline = after(at, scenario.times.noticeMs);
      told.set(machine.id, deadline);
      agents.notice(machine.node, deadline);
      onNotice(machine);
    }
  }

  function limit({ trace, available }: Change): void {
    const { instanceType, zone, tier } = trace;
    // First, so that a group finds no place for what it loses.
    world.clouds.setCapacity({ instanceType, zone, capacityType: tier }, available);
    const own = held(trace);
    const isTold = ({ id }: MachineUse): boolean => (told.get(id) ?? Infinity) <= world.now;
    // A notice is kept, also where others have made room meanwhile.
    const first = own.filter(isTold);
    // A machine that is just ending gives its place back by itself, and cannot be taken any more.
    const extra = available === null ? 0 : own.length - available - first.length;
    const more = own.filter((machine) => !isTold(machine)).slice(0, Math.max(0, extra));
    for (const machine of [...first, ...more]) if (book.machines.has(machine.id)) take(machine);
  }

  function take(machine: MachineUse): void {
    const runs = machine.node !== null && book.podsOn(machine.node).length > 0;
    onTaken(machine, told.has(machine.id) && !runs);
    told.delete(machine.id);
    world.clouds.interrupt(machine.id, world.now);
  }

  return {
    nextAt: () => changes[next]?.at ?? null,
    moveTo: (now) => {
      for (let change = changes[next]; change !== undefined && change.at <= now; change = changes[next]) {
        next += 1;
        if (change.what === "notice") noticeOf(change);
        else limit(change);
      }
    },
  };
}

/** All that the traces say, in order of time; what begins before the scenario stands at its start. */
function changesOf({ start, stocks, times }: StocksParts["scenario"]): readonly Change[] {
  const changes = stocks.flatMap((trace) => {
    let before: number | null = null;
    return trace.steps.flatMap(({ atMs, available }): readonly Change[] => {
      const at = epochMs(Math.max(start, start + atMs));
      const falls = available !== null && (before === null || available < before);
      before = available;
      const noticed = falls && times.handlesNotices && times.noticeMs > 0 && atMs - times.noticeMs >= 0;
      return [
        ...(noticed ? [{ at: epochMs(at - times.noticeMs), what: "notice" as const, trace, available }] : []),
        { at, what: "limit", trace, available },
      ];
    });
  });
  return changes.toSorted((one, other) => one.at - other.at);
}

function isOf(
  { pool, zone }: MachineUse,
  trace: { readonly instanceType: string; readonly zone: string; readonly tier: CapacityType },
): boolean {
  return pool.instanceType === trace.instanceType && zone === trace.zone && pool.tier === trace.tier;
}
