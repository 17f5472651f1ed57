// Where pods stand by topology domain, for affinity, anti-affinity and spread: counters that follow each placement
// and each withdrawal, so that a check costs no walk over the fleet.

import type { PodInput } from "../snapshot-pod.ts";
import type { Place } from "./check.ts";

export interface Topology {
  /** Counts the pod at the place; `remove` takes back exactly that. */
  add(pod: PodInput, place: Place): void;
  remove(pod: PodInput, place: Place): void;
  /** A place whose domains exist from now on, with nothing on it; `close` takes back exactly that. */
  open(place: Place): void;
  close(place: Place): void;
}
