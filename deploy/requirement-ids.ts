// Which requirement each reason answers, by the ids under which requirements are kept. A requirement that a reason
// answers is one that an operator can see at work: the code with its numbers says that it was kept, and why. What no
// reason shows is named by the test that holds it.

import type { ReasonCode } from "../shared/model/reasons.ts";

export const REQUIREMENT_IDS: Readonly<Partial<Record<ReasonCode, readonly string[]>>> = {
  // Growth: for pods, use, floors and notices.
  "pending-pods": ["A04", "A05", "A06", "B03"],
  "utilization-high": ["B02", "B62"],
  "below-minimum": ["B13", "B67"],
  interruption: ["B11", "B26", "B130"],
  schedule: ["C40", "E47"],
  forecast: ["B71", "B124", "B125", "F29"],
  "tier-share": ["A61", "B10", "B11", "B12", "B13", "B40", "B41", "B42", "B43", "B68"],
  "on-demand-floor": ["B12"],

  // Nodes that go.
  empty: ["A07", "A26", "A59"],
  idle: ["A07", "B04", "B63"],
  movable: ["A28"],
  expired: ["A27"],
  "gpu-unhealthy": ["C39"],
  "return-to-spot": ["B05"],
  "return-waits": ["B05"],

  // Limits and clocks.
  cooldown: ["B64", "B65", "B121", "C24", "F11"],
  "after-add": ["C24", "E23"],
  "after-remove": ["C23", "C24"],
  "at-maximum": ["A24", "B67", "B121", "C34", "F16"],
  "at-minimum": ["B67", "F16"],
  "schedule-cap": ["E46"],
  stabilizing: ["C24"],
  "behavior-disabled": ["E22"],
  frozen: ["E22"],
  overlap: ["F48"],
  "group-shared": ["F48"],
  "node-overlap": ["F48"],
  "spot-disabled": ["B69"],
  "tier-disabled": ["B40", "B70"],
  booting: ["F10"],
  "launch-overdue": ["F10"],

  // What cannot be bought, and what to do about it.
  "group-missing": ["B121"],
  misconfigured: ["B121"],
  "not-permitted": ["B121"],
  quota: ["E02"],
  "no-capacity": ["B12", "B122", "E45"],
  "interruption-rate": ["B08", "B122", "B123", "B129"],
  "over-price": ["B133"],
  "gpu-type-differs": ["A23"],

  // Nodes that stay.
  "empty-too-short": ["A26", "E24"],
  "idle-too-short": ["B04", "E24", "F04"],
  busy: ["B04", "B63", "F05"],
  "telemetry-unknown": ["F03"],
  "telemetry-stale": ["F03"],
  "telemetry-thin": ["F04"],
  "node-pinned": ["E29"],
  "pod-refuses": ["E30"],
  budget: ["B127"],
  "several-budgets": ["B127"],
  "gang-member": ["B131"],
  "pod-local-storage": ["E20"],
  "pod-of-system": ["E21"],
  "reserved-paid": ["B13"],
  "tier-floor": ["B12"],
  "needed-for-floor": ["C40"],

  // Pods.
  "pod-waits": ["B03", "B66", "F07"],
  "pod-gated": ["F07"],
  "pod-undecided": ["F07"],
  "pod-expendable": ["E27"],
  "gang-incomplete": ["B131"],
  "gang-does-not-fit": ["B131", "F09"],

  // Fit.
  "untolerated-taint": ["A35", "A64", "F09"],
  "selector-mismatch": ["A20", "A21", "A22", "A34", "F09"],
  "affinity-mismatch": ["A20", "A21", "A22", "F09"],
  "too-large": ["A09", "F09"],
  "gpus-per-node": ["F09"],
  "no-such-resource": ["A60", "C46", "F08"],
  "mig-geometry": ["C46", "F08"],
  "gpu-model-differs": ["A23", "F09"],
  "volume-zone": ["F09"],
};
