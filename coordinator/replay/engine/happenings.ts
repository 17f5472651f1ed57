// What happened in a replay, with reasons, for the page and the table of moves: moves that took effect, moves that were
// refused, notices, machines that were taken, launches that found nothing. Bounded; how many were left out is said.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import { targetOf } from "../../cloud/target.ts";
import type { Happening } from "../run.ts";
import type { Acted } from "./door.ts";

export interface Happenings {
  acted(acted: Acted, atMs: number): void;
  /** `group`: the pool of the scenario. */
  machine(
    kind: "notice" | "interrupted" | "launch-failed",
    group: string,
    node: string | null,
    atMs: number,
  ): void;
  readonly list: readonly Happening[];
  readonly leftOut: number;
}

export function createHappenings(specs: readonly PolicySpec[], most: number): Happenings {
  const list: Happening[] = [];
  /** Group → the name that the policy has for it. */
  const names = new Map<string, string>();
  for (const { nodePools } of specs)
    for (const { name, group } of nodePools) {
      const target = targetOf(group);
      if (target?.kind === "simulated" && !names.has(target.simulated.name))
        names.set(target.simulated.name, name);
    }
  let leftOut = 0;

  function add(happening: Happening): void {
    if (list.length < most) list.push(happening);
    else leftOut += 1;
  }

  return {
    acted: ({ move: { kind, pool, because }, outcome }, atMs) => {
      if (outcome.kind === "applied") add({ atMs, pool, kind, from: outcome.from, to: outcome.to, because });
      else if (outcome.kind === "failed")
        add({ atMs, pool, kind: "refused", detail: `${kind}: ${outcome.detail}` });
    },
    machine: (kind, group, node, atMs) => add({ atMs, pool: names.get(group) ?? group, kind, node }),
    list,
    get leftOut() {
      return leftOut;
    },
  };
}
