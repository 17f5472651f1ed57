// The watches behind a kind of group that need not be installed yet: asked for until the server serves it, then open
// for as long as we run. Until then it says why there is nothing, as a reading.

import type { KubeObject } from "../../shared/model/kube.ts";
import { millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { describe, kindOf } from "../../shared/runtime/errors.ts";
import type { GroupReading } from "../decide/snapshot.ts";
import type { ScaleGroupsOptions } from "./scale-groups.ts";
import { incompleteness } from "./watched.ts";
import type { Watched } from "./watched.ts";

export interface Served<W> {
  /** What is watched, or why it cannot be relied on. */
  open(now: EpochMs): { readonly watches: W } | { readonly absent: GroupReading };
}

/** How often to ask for a kind that the server does not serve yet. */
const LOOK_AGAIN_MS = millis(10_000);

export function startServed<W extends { readonly [N in keyof W]: AnyWatched }>(
  kind: { readonly apiVersion: string; readonly kind: string },
  { clock, discover, onChange, spawn }: ScaleGroupsOptions,
  make: () => W,
): Served<W> {
  let watches: W | null = null;
  let absent: GroupReading = { kind: "unknown", detail: `${kind.apiVersion} is being looked up` };

  async function isServed(signal: AbortSignal): Promise<boolean> {
    try {
      await discover(kind, { signal });
      return true;
    } catch (error) {
      signal.throwIfAborted();
      const failure = kindOf(error);
      if (failure === "bug") throw error;
      absent = { kind: failure === "not-found" ? "missing" : "unknown", detail: describe(error) };
      return false;
    }
  }

  spawn(`watch of ${kind.kind} of ${kind.apiVersion}`, async (signal) => {
    // A watch on a kind that is not installed would only fail; ask until it is there.
    while (!(await isServed(signal))) {
      onChange();
      await clock.sleep(LOOK_AGAIN_MS, signal);
    }
    const made = make();
    watches = made;
    await Promise.all(all(made).map(async (watched) => await watched.run(signal)));
  });

  return {
    open: (now) => {
      if (watches === null) return { absent };
      for (const watched of all(watches)) {
        const detail = incompleteness(watched, now);
        if (detail !== null) return { absent: { kind: "unknown", detail } };
      }
      return { watches };
    },
  };
}

/** Of any kind of object: only whether it is complete is asked of it here. */
interface AnyWatched extends Pick<Watched<KubeObject>, "name" | "run"> {
  readonly store: Pick<Watched<KubeObject>["store"], "synced" | "staleSince">;
}

function all<W extends { readonly [N in keyof W]: AnyWatched }>(watches: W): readonly AnyWatched[] {
  return Object.values(watches);
}
