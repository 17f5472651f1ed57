// What is done about a hint, a spot machine that may go soon or maintenance of its host: it is told, it stands on the node,
// and pods with a checkpoint hook save their state while there is time. Nobody is evicted: whether the node is given up is
// the coordinator's to decide.

import type { Hint } from "../../shared/model/interruption.ts";
import { after, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { HookTarget, Hooks } from "./hooks/hooks.ts";
import type { Marker } from "./marker.ts";

export interface HintNews {
  readonly hint: (hint: Hint, phase: "seen" | "cancelled") => void;
}

export interface HintKeeperOptions {
  readonly marker: Pick<Marker, "hint">;
  readonly hooks: Pick<Hooks, "call">;
  /** Pods of the node that want to be told. */
  readonly targets: () => readonly HookTarget[];
  readonly news: HintNews;
  readonly now: () => EpochMs;
}

export interface HintKeeper {
  /**
   * `known`: what is absent is known to be absent, so that what an earlier process left on the node may go.
   */
  follow(hints: readonly Hint[], known: boolean): void;
}

/** A hint without a time leaves a pod as long as its own annotation gives it, and no longer than that. */
const LONGEST_SAVE = millis(3_600_000);

export function createHintKeeper({ marker, hooks, targets, news, now }: HintKeeperOptions): HintKeeper {
  let told: readonly Hint[] = [];
  /** What is to stand on the node, in its own words, for maintenance is put off; undefined while nobody knows. */
  let marked: string | null | undefined;

  const tellPods = ({ id, kind, at }: Hint): void => {
    const occasion = { eventId: id, kind, deadline: at, drill: false, peerInterrupted: false };
    // What has begun already ends nobody here, so it leaves a pod as long as what names no time.
    const by = at !== null && at > now() ? at : after(now(), LONGEST_SAVE);
    for (const target of targets()) hooks.call(target, occasion, by);
  };

  return {
    follow: (hints, known) => {
      const begun = hints.filter(({ id }) => told.every((one) => one.id !== id));
      const over = told.filter(({ id }) => hints.every((one) => one.id !== id));
      told = hints;
      for (const hint of over) news.hint(hint, "cancelled");
      for (const hint of begun) {
        news.hint(hint, "seen");
        tellPods(hint);
      }
      const next = mostPressing(hints);
      if (next === null && !known && marked === undefined) return;
      const key = next === null ? null : JSON.stringify(next);
      if (key === marked) return;
      marked = key;
      marker.hint(next === null ? null : { v: 1, ...next });
    },
  };
}

/** One stands on the node: the one that begins first, else the one that was seen first. */
function mostPressing(hints: readonly Hint[]): Hint | null {
  const soonest = hints.filter(({ at }) => at !== null).toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0))[0];
  return soonest ?? hints[0] ?? null;
}
