// One writer for what stands on our own node: wishes are fulfilled one at a time, the newest wins, and writing is repeated
// until the API server takes it. What the marks are is cordon.ts.

import type { InterruptionHint } from "../../shared/contract/node-marks.ts";
import type { Node } from "../../shared/model/kube.ts";
import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import type { NodePatcher } from "../../shared/runtime/kube/client.ts";
import { patchNode, updateNode } from "../../shared/runtime/kube/node-marks.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { changeFor, isDraining } from "./cordon.ts";
import type { Marks, MoreMarks } from "./cordon.ts";

const PATCH_DEADLINE = millis(3_000);
const RETRY_MS = 1_000;

export interface Marker {
  /**
   * Resolves when the node carries the marks, or when a newer wish has replaced this one. `endDrill`: the
   * annotations of the drill of these words go as well.
   */
  want(marks: Marks, how?: { readonly endDrill: string | null }): Promise<"written" | "superseded">;
  /** The hint that is to stand there, beside whatever marks. Until the first call none is touched. */
  hint(hint: InterruptionHint | null): void;
  /** The wish that is not fulfilled yet; null when the node is as wanted. */
  readonly pending: boolean;
}

export interface MarkerOptions {
  readonly client: NodePatcher;
  readonly node: string;
  /** The node as the watch knows it, which saves a read when there is no time for one. */
  readonly known: () => Node | undefined;
  readonly leaveLoadBalancers: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

interface Wish {
  /** Undefined: nobody has said yet what is wanted, so what stands there stays. */
  readonly marks: Marks | undefined;
  readonly more: MoreMarks;
  /** Counts what was wanted, hints left out: whether a wish is still the one that was written. */
  readonly turn: number;
}

/** Whoever waits for his marks, until they are written or others are wanted. */
type Waiter = PromiseWithResolvers<"written" | "superseded">;

export function createMarker(options: MarkerOptions): Marker {
  const { client, clock, random, log, signal, leaveLoadBalancers } = options;
  const quiet = createQuietLog(log, clock);
  let wish: Wish = {
    marks: undefined,
    more: { hint: undefined, leaveLoadBalancers, endDrill: null },
    turn: 0,
  };
  let waiter: Waiter | null = null;
  let pending = false;
  let working = false;
  let hurry = new AbortController();

  /** Fulfils wishes until none is open; the newest is read anew for each try. */
  const work = async (): Promise<void> => {
    let known = options.known();
    while (pending) {
      signal.throwIfAborted();
      const at = wish;
      const waits = waiter;
      try {
        await updateNode(client, options.node, (node) => changeFor(node, at.marks, at.more), {
          clock,
          random,
          signal,
          deadlineMs: PATCH_DEADLINE,
          known,
        });
        waits?.resolve("written");
        if (waiter === waits) waiter = null;
        pending = wish !== at;
        // Done once: an annotation that is set from now on is another drill's.
        if (wish.turn === at.turn) wish = { ...wish, more: { ...wish.more, endDrill: null } };
        known = options.known();
      } catch (error) {
        signal.throwIfAborted();
        // Each second for as long as the API server is away.
        const fields = { error, phase: at.marks?.phase ?? "none" };
        quiet.log(`marks ${kindOf(error)}`, "warn", fields, "node marks not written, trying again");
        known = undefined;
        if (kindOf(error) === "conflict") await cordonAlone(at);
        await pauseUnless(hurry.signal, clock, random, signal);
      }
    }
  };

  /**
   * Somebody writes the node again and again. The taints are one list, which cannot be written past him; the rest can, and
   * no pod may come back here meanwhile.
   */
  const cordonAlone = async ({ marks, more }: Wish): Promise<void> => {
    if (marks === undefined || marks === null || !isDraining(marks)) return;
    const known = options.known();
    const change = known === undefined ? null : changeFor(known, marks, more);
    if (change === null) return;
    const { taints: _, ...rest } = change;
    try {
      await patchNode(client, options.node, rest, { signal, deadlineMs: PATCH_DEADLINE });
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ error, phase: marks.phase }, "node not cordoned, trying again");
    }
  };

  const begin = (): void => {
    pending = true;
    hurry.abort();
    hurry = new AbortController();
    if (working) return;
    working = true;
    work()
      .catch((error: unknown) => {
        if (!signal.aborted) log.error({ error }, "the node's marks are written no longer");
        waiter?.reject(error);
        waiter = null;
      })
      .finally(() => {
        working = false;
        // Wished for between the last write and here.
        if (pending && !signal.aborted) begin();
      });
  };

  return {
    get pending() {
      return pending;
    },
    want: async (marks, { endDrill } = { endDrill: null }) => {
      waiter?.resolve("superseded");
      const mine = Promise.withResolvers<"written" | "superseded">();
      waiter = mine;
      wish = { marks, more: { ...wish.more, endDrill }, turn: wish.turn + 1 };
      begin();
      return await mine.promise;
    },
    hint: (hint) => {
      wish = { ...wish, more: { ...wish.more, hint } };
      begin();
    },
  };
}

/** A second, give or take a fifth; shorter when a newer wish has come. */
async function pauseUnless(
  hurry: AbortSignal,
  clock: Clock,
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  try {
    await clock.sleep(millis(RETRY_MS * (0.8 + 0.4 * random())), AbortSignal.any([hurry, signal]));
  } catch {
    signal.throwIfAborted();
  }
}
