// Cases to plain data and back: what an agent knew when it ended is what the next one begins with, within one boot.

import type { GpuUuid } from "../../../shared/model/gpu.ts";
import { openCase } from "./case.ts";
import type { Case, Moment } from "./case.ts";
import type { HealthMemory, RememberedCase } from "./memory.ts";
import { RULES } from "./rules.ts";
import type { Times } from "./times.ts";

export function caseKey(rule: string, gpu: GpuUuid | null, busId: string | null = null): string {
  return `${rule} ${gpu ?? busId ?? ""}`;
}

/** The cases that stand. What was read or heard of the others so far is no verdict yet. */
export function remembered(cases: Iterable<Case>): readonly RememberedCase[] {
  return [...cases].flatMap((one): RememberedCase[] => {
    const { rule, gpu, busId, since, toldAt, evidence, confirmed, asked } = one;
    const tellers = [...one.tellers];
    return one.stands
      ? [{ rule: rule.name, gpu, busId, since, toldAt, evidence, tellers, confirmed, asked }]
      : [];
  });
}

/** Cases of another boot are over. */
export function recalled(
  memory: HealthMemory | null,
  boot: string | null,
  times: Times,
  startedAt: Moment,
): Map<string, Case> {
  const cases = new Map<string, Case>();
  if (memory === null || memory.boot !== boot) return cases;
  for (const kept of memory.cases) {
    // A rule that this version does not have any more opens no case.
    const rule = RULES.find(({ name }) => name === kept.rule);
    if (rule === undefined) continue;
    const { gpu, busId, since, toldAt, evidence, asked } = kept;
    const one = openCase(rule, { gpu, busId }, startedAt);
    for (const teller of kept.tellers) one.tellers.add(teller);
    // On the steady clock of this agent it was heard before its start, by as much as the wall clock says now.
    const heardAt = startedAt.steady - Math.max(1, startedAt.at - (toldAt ?? startedAt.at));
    Object.assign(one, { since, toldAt, heardAt, badAt: heardAt, evidence, asked, stands: true });
    one.confirmed ||= kept.confirmed;
    one.times = times.before(rule, gpu, toldAt ?? since);
    cases.set(caseKey(rule.name, gpu, one.busId), one);
  }
  return cases;
}
