// The counters against the rules: whatever stands where, and in whatever order it came and went, the checks that ask
// them answer as Kubernetes' rules do when they are read out over all pods and nodes. The rules are written here once
// more, plainly and slowly, and share no code with the checks.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Check, FitContext, Place } from "../../coordinator/decide/fit/check.ts";
import { hostPorts } from "../../coordinator/decide/fit/host-ports.ts";
import { createKinds } from "../../coordinator/decide/fit/kind.ts";
import { podAffinity } from "../../coordinator/decide/fit/pod-affinity.ts";
import { podAntiAffinity } from "../../coordinator/decide/fit/pod-anti-affinity.ts";
import { topologySpread } from "../../coordinator/decide/fit/topology-spread.ts";
import { createTopology } from "../../coordinator/decide/fit/topology.ts";
import type { HostPort, PodInput, PodTerm, SpreadInput } from "../../coordinator/decide/snapshot-pod.ts";
import type { LabelSelector } from "../../shared/model/kube.ts";
import { place, podWith } from "../build/place.ts";

const HOSTNAME = "kubernetes.io/hostname";
const KEYS = ["zone", "rack", HOSTNAME];
const NAMESPACES = { blue: { team: "b" }, green: { team: "g" }, bare: {} };

const selector = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ matchLabels: fc.constantFrom({ app: "x" }, { app: "y" }, { tier: "1" }) }),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<LabelSelector>(
      { matchExpressions: [{ key: "app", operator: "In", values: ["x", "y"] }] },
      { matchExpressions: [{ key: "app", operator: "NotIn", values: ["x"] }] },
      { matchExpressions: [{ key: "tier", operator: "Exists" }] },
      { matchLabels: { app: "x" }, matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] },
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom<LabelSelector | null>({}, null) },
);

const term: fc.Arbitrary<PodTerm> = fc.record({
  topologyKey: fc.constantFrom(...KEYS),
  selector,
  namespaces: fc.constantFrom([], ["blue"], ["blue", "green"], ["bare"]),
  namespaceSelector: fc.constantFrom<LabelSelector | null>(null, null, {}, { matchLabels: { team: "g" } }),
});

/** Mostly alike, so that pods share counters that they may not share. */
const constraint: fc.Arbitrary<SpreadInput> = fc.record({
  topologyKey: fc.constantFrom("zone", "zone", HOSTNAME, "rack"),
  maxSkew: fc.constantFrom(1, 1, 2),
  minDomains: fc.constantFrom(1, 1, 1, 2, 3),
  selector: fc.oneof({ weight: 3, arbitrary: fc.constant({ matchLabels: { app: "x" } }) }, selector),
  nodeAffinityPolicy: fc.constantFrom("Honor", "Honor", "Ignore"),
  nodeTaintsPolicy: fc.constantFrom("Ignore", "Ignore", "Honor"),
});

const port: fc.Arbitrary<HostPort> = fc.record({
  ip: fc.constantFrom("0.0.0.0", "10.0.0.1", "10.0.0.2"),
  protocol: fc.constantFrom("TCP", "UDP"),
  port: fc.constantFrom(80, 81),
});

const few = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: fc.array(arbitrary, { maxLength: 2 }) },
  );

const pods: fc.Arbitrary<readonly PodInput[]> = fc
  .array(
    fc.record({
      namespace: fc.constantFrom("blue", "blue", "green", "bare"),
      labels: fc.constantFrom({}, { app: "x" }, { app: "y" }, { app: "x", tier: "1" }, { tier: "2" }),
      terminating: fc.constantFrom(false, false, false, true),
      nodeSelector: fc.constantFrom({}, {}, { disk: "ssd" }),
      tolerations: fc.constantFrom([], [{ operator: "Exists" as const }]),
      podAffinity: few(term),
      podAntiAffinity: few(term),
      spread: few(constraint),
      hostPorts: few(port),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((all) =>
    all.map(({ namespace, ...fields }, index) =>
      podWith(`p${index}`, { ...fields, key: `${namespace}/p${index}` }),
    ),
  );

const places: fc.Arbitrary<readonly Place[]> = fc
  .array(
    fc.record({
      isHere: fc.boolean(),
      labels: fc.record(
        { zone: fc.constantFrom("a", "b", "c"), rack: fc.constantFrom("1", "2"), disk: fc.constant("ssd") },
        { requiredKeys: [] },
      ),
      taints: fc.constantFrom([], [], [{ key: "gpu", effect: "NoSchedule" as const }]),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((all) =>
    all.map(({ isHere, labels, taints }, id) =>
      place({
        id,
        kind: isHere ? "node" : "new",
        host: isHere ? `n${id}` : `new ${id}`,
        labels: isHere ? { ...labels, [HOSTNAME]: `n${id}` } : labels,
        taints,
      }),
    ),
  );

/** Each step puts a pod onto a place, or takes it from where it is; so all ends come from many ways. */
const steps = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 24, size: "max" });

interface World {
  readonly open: readonly Place[];
  readonly at: ReadonlyMap<PodInput, Place>;
}

describe("the counters", () => {
  test("answer as the rules do, whatever came and went", () => {
    fc.assert(
      fc.property(pods, places, steps, (all, open, walk) => {
        const kinds = createKinds(all, NAMESPACES);
        const topology = createTopology(kinds);
        const context = { kinds, topology };
        for (const one of open) topology.open(one);
        const at = new Map<PodInput, Place>();
        for (const [who, where] of walk) {
          const pod = all[who % all.length];
          const to = open[where % open.length];
          if (pod === undefined || to === undefined) continue;
          const from = at.get(pod);
          if (from === undefined) {
            topology.add(pod, to);
            at.set(pod, to);
          } else {
            topology.remove(pod, from);
            at.delete(pod);
          }
          agree(all, { open, at }, context);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  test("forget a place that was opened and closed again, and count one that is opened late", () => {
    fc.assert(
      fc.property(pods, places, steps, (all, open, walk) => {
        const kinds = createKinds(all, NAMESPACES);
        const topology = createTopology(kinds);
        const context = { kinds, topology };
        const there = new Set<Place>();
        const at = new Map<PodInput, Place>();
        for (const [who, where] of walk) {
          const to = open[where % open.length];
          const pod = all[who % all.length];
          if (to === undefined || pod === undefined) continue;
          const isUsed = [...at.values()].includes(to);
          if (!there.has(to)) {
            topology.open(to);
            there.add(to);
          } else if (!isUsed && who % 2 === 0) {
            topology.close(to);
            there.delete(to);
          } else if (!at.has(pod)) {
            topology.add(pod, to);
            at.set(pod, to);
          }
          agree(all, { open: [...there], at }, context);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  test("take back exactly what was put", () => {
    fc.assert(
      fc.property(pods, places, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), (all, open, where) => {
        const kinds = createKinds(all, NAMESPACES);
        const topology = createTopology(kinds);
        const context = { kinds, topology };
        for (const one of open) topology.open(one);
        const placed = all.flatMap((pod, index) => {
          const to = open[(where[index] ?? 0) % open.length];
          return to === undefined ? [] : [[pod, to] as const];
        });
        const half = placed.slice(0, Math.ceil(placed.length / 2));
        for (const [pod, to] of half) topology.add(pod, to);
        const before = answers(all, open, context);
        for (const [pod, to] of placed.slice(half.length)) topology.add(pod, to);
        for (const [pod, to] of placed.slice(half.length).toReversed()) topology.remove(pod, to);
        expect(answers(all, open, context)).toEqual(before);
      }),
      { numRuns: 1_000 },
    );
  });
});

const CHECKS: readonly (readonly [Check, (pod: PodInput, at: Place, world: World) => boolean])[] = [
  [podAffinity, (pod, at, world) => hasItsFriends(pod, at, world)],
  [podAntiAffinity, (pod, at, world) => hasNoEnemies(pod, at, world)],
  [topologySpread, (pod, at, world) => isEven(pod, at, world)],
];

/** Each pod that is nowhere, at each place. */
function agree(all: readonly PodInput[], world: World, context: FitContext): void {
  for (const pod of all) {
    if (world.at.has(pod)) continue;
    for (const to of world.open) {
      for (const [check, rule] of CHECKS) {
        const refusal = check.refusal(pod, to, context);
        if ((refusal === null) !== rule(pod, to, world))
          expect.fail(`${check.name} of ${pod.key} at ${to.host}: ${JSON.stringify(refusal)}`);
      }
      const ports = [...world.at].flatMap(([other, at]) => (at === to ? (other.hostPorts ?? []) : []));
      const clashes = (pod.hostPorts ?? []).some((a) => ports.some((b) => sharePort(a, b)));
      expect(hostPorts.refusal(pod, { ...to, ports }, context) === null).toBe(!clashes);
    }
  }
}

function answers(all: readonly PodInput[], open: readonly Place[], context: FitContext): unknown {
  return all.flatMap((pod) => open.flatMap((to) => CHECKS.map(([check]) => check.refusal(pod, to, context))));
}

// The rules, read out.

function label(of: Place, key: string): string | undefined {
  return key === HOSTNAME ? of.host : of.labels[key];
}

function namespaceOf(pod: PodInput): string {
  return pod.key.split("/")[0] ?? "";
}

function isSelected(labels: Readonly<Record<string, string>>, by: LabelSelector | null): boolean {
  if (by === null) return false;
  const equal = Object.entries(by.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return (
    equal &&
    (by.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      const isIn = value !== undefined && values.includes(value);
      return operator === "In" ? isIn : !isIn;
    })
  );
}

function isMeant(pod: PodInput, { selector: by, namespaces, namespaceSelector }: PodTerm): boolean {
  const namespace = namespaceOf(pod);
  const ofNamespace = NAMESPACES[namespace as keyof typeof NAMESPACES];
  const reached = namespaces.includes(namespace) || isSelected(ofNamespace, namespaceSelector);
  return reached && isSelected(pod.labels ?? {}, by);
}

function hasItsFriends(pod: PodInput, at: Place, world: World): boolean {
  const terms = pod.podAffinity ?? [];
  if (terms.length === 0) return true;
  if (terms.some(({ topologyKey }) => label(at, topologyKey) === undefined)) return false;
  const friends = [...world.at].filter(([other]) => terms.every((one) => isMeant(other, one)));
  const met = terms.every(({ topologyKey }) =>
    friends.some(([, where]) => label(where, topologyKey) === label(at, topologyKey)),
  );
  if (met) return true;
  const counted = friends.some(([, where]) =>
    terms.some(({ topologyKey }) => label(where, topologyKey) !== undefined),
  );
  return !counted && terms.every((one) => isMeant(pod, one));
}

function hasNoEnemies(pod: PodInput, at: Place, world: World): boolean {
  return [...world.at].every(([other, where]) => {
    const shares = ({ topologyKey }: PodTerm) =>
      label(at, topologyKey) !== undefined && label(where, topologyKey) === label(at, topologyKey);
    const own = (pod.podAntiAffinity ?? []).some((one) => shares(one) && isMeant(other, one));
    const its = (other.podAntiAffinity ?? []).some((one) => shares(one) && isMeant(pod, one));
    return !own && !its;
  });
}

function isEven(pod: PodInput, at: Place, world: World): boolean {
  const constraints = pod.spread ?? [];
  return constraints.every((one) => {
    const domain = label(at, one.topologyKey);
    if (domain === undefined) return false;
    const eligible = world.open.filter(
      (where) =>
        constraints.every(({ topologyKey }) => label(where, topologyKey) !== undefined) &&
        (one.nodeAffinityPolicy === "Ignore" ||
          Object.entries(pod.nodeSelector).every(([key, value]) => where.labels[key] === value)) &&
        (one.nodeTaintsPolicy === "Ignore" || where.taints.length === 0 || pod.tolerations.length > 0),
    );
    const domains = [...new Set(eligible.map((where) => label(where, one.topologyKey)))];
    const counts = new Map(
      domains.map((each) => [
        each,
        [...world.at].filter(
          ([other, where]) =>
            eligible.includes(where) &&
            label(where, one.topologyKey) === each &&
            !other.terminating &&
            namespaceOf(other) === namespaceOf(pod) &&
            isSelected(other.labels ?? {}, one.selector),
        ).length,
      ]),
    );
    const least = domains.length < one.minDomains ? 0 : Math.min(...counts.values());
    const self = isSelected(pod.labels ?? {}, one.selector) ? 1 : 0;
    return (counts.get(domain) ?? 0) + self - (Number.isFinite(least) ? least : 0) <= one.maxSkew;
  });
}

function sharePort(a: HostPort, b: HostPort): boolean {
  const sameAddress = a.ip === b.ip || a.ip === "0.0.0.0" || b.ip === "0.0.0.0";
  return a.port === b.port && a.protocol === b.protocol && sameAddress;
}
