// One drain at a time: a newer order takes the place of the one before, what an earlier process left is gone on with when
// its cause still stands, and without an order everything that we put on the node goes. The course of one drain is
// one-drain.ts.

import type { LiveReading } from "../../shared/contract/drain-report.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { Notice } from "../../shared/model/interruption.ts";
import { isDraining } from "./cordon.ts";
import type { Marker } from "./marker.ts";
import { createDrain } from "./one-drain.ts";
import type { DrainOptions, OneDrain } from "./one-drain.ts";
import { noticeOfOrder, orderFromState, stateOf } from "./order.ts";
import type { DrainOrder, StateToWrite } from "./order.ts";
import { NOTHING_COUNTED } from "./tracks.ts";

export type { DrainNews } from "./one-drain.ts";

/** What a drain-state has room for; names of nodes are long. */
const WHY_MAX = 500;

export interface DrainerOptions extends DrainOptions {
  readonly marker: Marker;
}

export interface Drainer {
  /** Our state as we know it, which is ahead of what a watch shows. */
  readonly state: StateToWrite | null;
  /** The notice that is being acted on; null when none is, or when it is a request. */
  readonly notice: Notice | null;
  /** True while pods are being moved or wait for their turn. */
  readonly busy: boolean;
  /** True while the node is not yet marked, or cleared, as it is to be. */
  readonly writing: boolean;
  /** What an earlier process left on the node. Called once, before anything else; nothing is done about it yet. */
  adopt(state: DrainState): void;
  /** Carries the order out; the same order again changes nothing but a deadline that has come nearer. */
  follow(order: DrainOrder): void;
  /** Tells the node that a request was declined, with the reading. */
  refuse(order: DrainOrder, reading: LiveReading): void;
  /** The same of a drill that may not begin now, with the reason in words. */
  refuseDrill(order: DrainOrder, why: string): void;
  /** Calls off what is going on and takes our marks back; with `endDrill` the annotations of the drill of these words as well. */
  undo(how?: { readonly endDrill: string | null }): void;
  /** The pods of the node have changed. */
  podsChanged(): void;
  /** Resolves when the walk in progress has ended, if there is one, and our last wish is on the node. */
  settled(): Promise<void>;
  /** Ends the walk without taking anything back: the next process goes on. */
  leave(): void;
}

export function createDrainer(options: DrainerOptions): Drainer {
  const { marker, news, log, clock } = options;
  let running: OneDrain | null = null;
  let state: StateToWrite | null = null;
  /** What an earlier process left, until somebody says whether its cause still stands. */
  let left: DrainState | null = null;
  let writing: Promise<unknown> = Promise.resolve();

  const write = (
    next: StateToWrite | null,
    how?: { readonly endDrill: string | null },
  ): Promise<"written" | "superseded" | "ended"> => {
    state = next;
    // The marker repeats by itself; it only gives up when the process ends.
    const written = marker.want(next, how).catch(() => "ended" as const);
    writing = written;
    return written;
  };

  const drainOf = (order: DrainOrder, phase: DrainState["phase"]): OneDrain =>
    createDrain(order, { phase, write }, options);

  /** Ends what is going on, or was before a restart, and says so. */
  const callOff = (): void => {
    const of =
      running ?? (left !== null && isDraining(left) ? drainOf(orderFromState(left), left.phase) : null);
    running = null;
    left = null;
    of?.callOff();
  };

  /** What is declined is said, and moves nobody. */
  const decline = (
    order: DrainOrder,
    because: Pick<StateToWrite, "reading" | "why">,
    reason: string,
  ): void => {
    callOff();
    const { id, cause, source, deadline } = order;
    const at = clock.now();
    log.info({ source, reason }, cause === "request" ? "drain request refused" : "drill refused");
    const reading = because.reading === undefined ? {} : { reading: because.reading };
    news.drain({ id, cause, source, phase: "refused", at, deadline, counts: NOTHING_COUNTED, ...reading });
    void write({ ...stateOf(order, "refused"), ...because });
  };

  return {
    get state() {
      return state;
    },
    get notice() {
      return running === null ? null : noticeOfOrder(running.order);
    },
    get busy() {
      return running?.busy ?? false;
    },
    get writing() {
      return marker.pending;
    },
    adopt: (found) => {
      left = found;
      const { cordonedByUs: _, ...rest } = found;
      state = rest;
    },
    follow: (order) => {
      if (running?.order.id === order.id) {
        running.adjust(order);
        return;
      }
      // What was declined was not begun, although it may have the same id now.
      const resumed = running === null && left?.id === order.id && isDraining(left) ? left : null;
      if (resumed === null) {
        callOff();
      } else {
        left = null;
        const { phase, source } = resumed;
        log.info({ phase, source }, "going on with the drain of an earlier process");
      }
      running = drainOf(order, resumed?.phase ?? "started");
      running.begin(resumed);
    },
    refuse: (order, reading) => {
      decline(order, { reading }, reading.detail);
    },
    refuseDrill: (order, why) => {
      decline(order, { why: why.slice(0, WHY_MAX) }, why);
    },
    undo: (how = { endDrill: null }) => {
      callOff();
      if (state !== null) void write(null, how);
    },
    podsChanged: () => {
      running?.poke();
    },
    settled: async () => {
      await running?.done;
      await writing;
    },
    leave: () => {
      running?.leave();
    },
  };
}
