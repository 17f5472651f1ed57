// The watch of a kind that a cluster need not have. It looks whether the API server serves the kind, watches it for
// as long as it does and we may, and looks again every few minutes. That it is absent or forbidden is no trouble and
// keeps nothing waiting: whoever asks is told that there is no such object.

import type { KubeObject } from "../../shared/model/kube.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { reduced } from "../../shared/runtime/kube/resources.ts";
import type {
  Discovery,
  ObjectRef,
  Resource,
  Selector,
  UnreadObject,
} from "../../shared/runtime/kube/resources.ts";
import type { WatchEvent } from "../../shared/runtime/kube/watch.ts";
import { createWatched } from "./watched.ts";
import type { WatchDeps, Watched } from "./watched.ts";

export interface OptionalWatch {
  /** For the names of tasks. */
  readonly name: string;
  /** Ends with the signal. */
  run(signal: AbortSignal): Promise<void>;
}

export interface OptionalObjects<K extends KubeObject> extends OptionalWatch {
  get(ref: ObjectRef): K | undefined;
  values(): readonly K[];
}

export interface OptionalOptions<K extends KubeObject> {
  readonly watch: WatchDeps;
  readonly discover: Discovery;
  readonly kind: { readonly apiVersion: string; readonly kind: string };
  readonly keep: (object: UnreadObject) => K;
  readonly onEvent: (event: WatchEvent<K>) => void;
  /** Absent: all of them. */
  readonly selector?: Selector;
}

/** A kind comes with the installation of its project, which nobody does every minute. */
export const LOOK_AGAIN_MS = millis(180_000);
/** A server that gave no answer has not said that the kind is absent. */
export const ASK_AGAIN_MS = millis(10_000);

export function createOptionalWatch<K extends KubeObject>(options: OptionalOptions<K>): OptionalObjects<K> {
  const { watch, discover, kind, keep, onEvent, selector } = options;
  let current: Watched<K> | null = null;
  /** What is no error to us is no warning to those who read the log. */
  const quiet: WatchDeps["log"]["info"] = (fields, message) => watch.log.info(fields, message);

  async function watchWhileAllowed(resource: Resource<UnreadObject>, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const deps: WatchDeps = {
      ...watch,
      log: { info: quiet, warn: quiet },
      onTrouble: (trouble) => {
        if (trouble === "denied" || trouble === "not-found") ended.abort();
        else watch.onTrouble(trouble);
      },
    };
    const opened = createWatched(reduced(resource, keep), deps, onEvent, selector);
    current = opened;
    await opened.run(AbortSignal.any([signal, ended.signal]));
    current = null;
    if (opened.store.size > 0) onEvent({ kind: "synced", items: [] });
  }

  return {
    name: `${kind.kind} of ${kind.apiVersion}`,
    get: (ref) => current?.store.get(ref),
    values: () => current?.store.values() ?? [],
    run: async (signal) => {
      while (!signal.aborted) {
        let pauseMs = LOOK_AGAIN_MS;
        try {
          await watchWhileAllowed(await discover(kind, { signal }), signal);
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof AppError) || error.kind === "bug") throw error;
          if (error.kind !== "not-found" && error.kind !== "denied") pauseMs = ASK_AGAIN_MS;
        }
        await watch.clock.sleep(pauseMs, signal).catch(() => {});
      }
    },
  };
}
