// The open cases of a node, each under its rule and its GPU: opened by what is read and heard, closed by what ends
// them, and given the right name once somebody knows it. What a case consists of is case.ts, who speaks is health.ts.

import type { GpuUuid } from "../../../shared/model/gpu.ts";
import { joinCases, openCase, readBad, readGood } from "./case.ts";
import type { Case, Moment, Rhythm } from "./case.ts";
import { caseKey } from "./recall.ts";
import type { Rule, Telling } from "./rule.ts";

/** Whom a case is about: a GPU, an address that nobody has named yet, or the node when both are null. */
export interface Who {
  readonly gpu: GpuUuid | null;
  readonly busId: string | null;
}

export interface Cases {
  /** The open one, or a new one. */
  of(rule: Rule, who: Who, now: Moment): Case;
  close(rule: Rule, who: Who): void;
  /** Takes in what one look at readings says. */
  look(rule: Rule, gpu: GpuUuid | null, telling: Telling, now: Moment): void;
  end(which: (one: Case) => boolean): void;
  /** What was said of an address is said of the GPU that is found there. */
  name(gpuAt: (busId: string) => GpuUuid | undefined): void;
  all(): Iterable<Case>;
}

/** Addresses come from the log: beyond so many cases, GPUs without a name share one. */
const CASES_AT_MOST = 1_024;

/** @param open by `caseKey`: those that the agent before this one left. They are this book's from now on. */
export function createCases(open: Map<string, Case>, rhythm: Rhythm): Cases {
  const keyOf = (rule: Rule, { gpu, busId }: Who): string => caseKey(rule.name, gpu, busId);

  const of: Cases["of"] = (rule, who, now) => {
    const found = open.get(keyOf(rule, who));
    if (found !== undefined) return found;
    if (who.gpu === null && who.busId !== null && open.size >= CASES_AT_MOST)
      return of(rule, { gpu: null, busId: null }, now);
    const one = openCase(rule, who, now);
    open.set(keyOf(rule, who), one);
    return one;
  };

  const rename = (key: string, one: Case, gpu: GpuUuid): void => {
    open.delete(key);
    one.gpu = gpu;
    one.busId = null;
    const found = open.get(keyOf(one.rule, one));
    if (found === undefined) open.set(keyOf(one.rule, one), one);
    else joinCases(found, one);
  };

  return {
    of,
    close: (rule, who) => {
      open.delete(keyOf(rule, who));
    },
    look: (rule, gpu, telling, now) => {
      if (telling === undefined) return;
      const who = { gpu, busId: null };
      if (telling !== "good") {
        readBad(of(rule, who, now), telling.bad, now, rhythm);
        return;
      }
      const found = open.get(keyOf(rule, who));
      if (found !== undefined && readGood(found, now, rhythm)) open.delete(keyOf(rule, who));
    },
    end: (which) => {
      for (const [key, one] of open) if (which(one)) open.delete(key);
    },
    name: (gpuAt) => {
      for (const [key, one] of open) {
        const gpu = one.busId === null ? undefined : gpuAt(one.busId);
        if (gpu !== undefined) rename(key, one, gpu);
      }
    },
    all: () => open.values(),
  };
}
