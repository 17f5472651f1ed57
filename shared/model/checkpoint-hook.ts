// How a pod wants to be told to save its state: by HTTP at its own address, or by a command inside it. Read from its
// annotations and checked here; nothing is called. The address is always the pod's own, so that nobody makes an agent
// call anybody else.

import type { Pod } from "./kube.ts";
import type { Millis } from "./units.ts";

export type CheckpointHook =
  | {
      readonly kind: "http";
      /** One of the pod's own addresses. */
      readonly address: string;
      readonly port: number;
      /** With its query, beginning with "/". */
      readonly path: string;
      readonly timeoutMs: Millis;
    }
  | {
      readonly kind: "exec";
      readonly command: readonly string[];
      /** Null: the pod's first. */
      readonly container: string | null;
      readonly timeoutMs: Millis;
    }
  /** It asks for something that is not done. */
  | { readonly kind: "refused"; readonly why: string };

/** Null: the pod has no hook. */
export type CheckpointHookOf = (pod: Pod) => CheckpointHook | null;
