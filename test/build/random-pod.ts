// What few pods have, at random: affinity and spread, gangs, ports, volumes, local storage. Most pods have none of it,
// and names are few, so that what there is meets.

import fc from "fast-check";

import type { NodeTerm, PodInput, PodTerm, SpreadInput } from "../../coordinator/decide/snapshot-pod.ts";
import type { LabelSelector } from "../../shared/model/kube.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";

export const ZONES = ["za", "zb", "zc"] as const;

const KEYS = [NODE_LABEL.zone, NODE_LABEL.hostname, NODE_LABEL.hostname, "rack"] as const;
const APPS: readonly LabelSelector[] = [
  { matchLabels: { app: "x" } },
  { matchLabels: { app: "y" } },
  { matchExpressions: [{ key: "app", operator: "Exists" }] },
];

const podTerm: fc.Arbitrary<PodTerm> = fc.record({
  topologyKey: fc.constantFrom(...KEYS),
  selector: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...APPS) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  namespaces: fc.constantFrom(["default"], ["default"], [], ["other"]),
  namespaceSelector: fc.constantFrom<LabelSelector | null>(null, null, {}),
});

const spread: fc.Arbitrary<SpreadInput> = fc.record({
  topologyKey: fc.constantFrom(...KEYS),
  maxSkew: fc.constantFrom(1, 1, 2),
  minDomains: fc.constantFrom(1, 1, 2, 3),
  selector: fc.constantFrom(...APPS),
  nodeAffinityPolicy: fc.constantFrom("Honor", "Ignore"),
  nodeTaintsPolicy: fc.constantFrom("Ignore", "Honor"),
});

const nodeTerm: fc.Arbitrary<NodeTerm> = fc
  .constantFrom<NodeTerm["labels"][number]>(
    { key: NODE_LABEL.zone, operator: "In", values: ["za", "zb"] },
    { key: NODE_LABEL.capacityType, operator: "NotIn", values: ["spot"] },
    { key: "rack", operator: "DoesNotExist", values: [] },
  )
  .map((expression) => ({ labels: [expression], names: [] }));

const inZone = (zone: string): readonly NodeTerm[] => [
  { labels: [{ key: NODE_LABEL.zone, operator: "In", values: [zone] }], names: [] },
];

type Extra = Partial<PodInput>;

const volumes: fc.Arbitrary<NonNullable<PodInput["volumes"]>> = fc
  .record({ zone: fc.constantFrom(...ZONES), kind: fc.constantFrom("bound", "first-consumer", "missing") })
  .map(({ zone, kind }) => [
    kind === "missing"
      ? { kind, claim: "data" }
      : {
          kind: kind === "bound" ? kind : "first-consumer",
          claim: "data",
          nodeTerms: inZone(zone),
          driver: "csi",
        },
  ]);

/** Gangs of the two names that there are want as many as may well be there. */
const gangs = fc
  .record({ id: fc.constantFrom("default/ga", "default/gb"), minimum: fc.constantFrom(2, 2, 3, null) })
  .map(({ id, minimum }): Extra => ({ gang: { id, minimum, source: "PodGroup" } }));

/** Nothing, as a rule; else one or two of all that there may be. */
export const podExtras: fc.Arbitrary<Extra> = fc.oneof(
  { weight: 14, arbitrary: fc.constant<Extra>({}) },
  { weight: 3, arbitrary: gangs },
  {
    weight: 2,
    arbitrary: fc
      .array(podTerm, { minLength: 1, maxLength: 2 })
      .map((podAntiAffinity): Extra => ({ podAntiAffinity })),
  },
  { weight: 1, arbitrary: podTerm.map((one): Extra => ({ podAffinity: [one] })) },
  {
    weight: 2,
    arbitrary: fc.array(spread, { minLength: 1, maxLength: 2 }).map((list): Extra => ({ spread: list })),
  },
  { weight: 1, arbitrary: nodeTerm.map((one): Extra => ({ nodeTerms: [one] })) },
  { weight: 1, arbitrary: fc.constant<Extra>({ hostPorts: [{ ip: "0.0.0.0", protocol: "TCP", port: 80 }] }) },
  { weight: 1, arbitrary: volumes.map((list): Extra => ({ volumes: list })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Extra>(
      { localStorage: true },
      { ready: false },
      { resourceClaims: ["gpu"] },
      { provisioningRequest: "later" },
      { gpuModel: "A100" },
    ),
  },
);

export const podLabels: fc.Arbitrary<Readonly<Record<string, string>>> = fc.constantFrom<
  Readonly<Record<string, string>>
>({ app: "x" }, { app: "x" }, { app: "y" }, {});
