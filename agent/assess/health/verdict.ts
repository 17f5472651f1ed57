// What the findings of a node come to in one word, in which order they are told, and what of them is news.

import type { HealthFinding, HealthLevel, NodeHealth } from "../../../shared/model/gpu-health.ts";

/** As many as a message carries. */
export const FINDINGS_AT_MOST = 64;

const WEIGHT: Readonly<Record<HealthLevel, number>> = { fatal: 3, degraded: 2, suspicion: 1, application: 0 };

/** `sourceKnown`: the GPUs answered within the last minutes. What is known to be fatal stays so when they do not. */
export function nodeHealth(findings: readonly HealthFinding[], sourceKnown: boolean): NodeHealth {
  if (findings.some(({ level }) => level === "fatal")) return "fatal";
  if (!sourceKnown) return "unknown";
  return findings.some(({ level }) => level === "degraded") ? "degraded" : "healthy";
}

/** The worst first, then the oldest; one of each rule and GPU, and no more than a message carries. */
export function worstFirst(findings: readonly HealthFinding[]): readonly HealthFinding[] {
  const keys = new Set<string>();
  const isFirst = (one: HealthFinding): boolean => keys.size < keys.add(keyOf(one)).size;
  return findings
    .toSorted(
      (a, b) =>
        WEIGHT[b.level] - WEIGHT[a.level] ||
        a.since - b.since ||
        compare(a.rule, b.rule) ||
        compare(a.gpu ?? "", b.gpu ?? ""),
    )
    .filter(isFirst)
    .slice(0, FINDINGS_AT_MOST);
}

export interface HealthChange {
  /** New, or worse than before. */
  readonly raised: readonly HealthFinding[];
  readonly over: readonly HealthFinding[];
  /** There is something to tell: the numbers of the evidence alone are not. */
  readonly any: boolean;
}

export function changeOf(before: readonly HealthFinding[], after: readonly HealthFinding[]): HealthChange {
  const known = new Map(before.map((one) => [keyOf(one), one]));
  const left = new Map(after.map((one) => [keyOf(one), one]));
  const raised = after.filter((one) => WEIGHT[one.level] > weightOf(known.get(keyOf(one))));
  const over = before.filter((one) => !left.has(keyOf(one)));
  const milder = after.some((one) => WEIGHT[one.level] < weightOf(known.get(keyOf(one))));
  return { raised, over, any: raised.length > 0 || over.length > 0 || milder };
}

function weightOf(finding: HealthFinding | undefined): number {
  return finding === undefined ? -1 : WEIGHT[finding.level];
}

function keyOf({ rule, gpu }: HealthFinding): string {
  return `${rule} ${gpu ?? ""}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
