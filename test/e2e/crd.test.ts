// The definition of policies as it is shipped, on a real API server: what is written comes back, what is left out is what
// the parser would put there, several writers keep their own fields, and the coordinator's status goes in as it is.

import { readdir, readFile } from "node:fs/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";

import { createJournal } from "../../coordinator/act/journal.ts";
import { withIntents } from "../../coordinator/act/moves.ts";
import { decide } from "../../coordinator/decide/decide.ts";
import { nextStatus } from "../../coordinator/report/status.ts";
import { policySpecSchema } from "../../shared/contract/policy.ts";
import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { millis } from "../../shared/model/units.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";
import { FULL_POLICY } from "../build/full-policy.ts";
import { node } from "../build/node.ts";
import { pods } from "../build/pod.ts";
import { policy } from "../build/policy.ts";
import { notice, snapshot } from "../build/snapshot.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { answerTo, installPolicies } from "../control-plane/policy-answers.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";

const missing = await whyNoControlPlane();
const FIXTURES = new URL("../golden/policies/", import.meta.url);
const { policies } = RESOURCE;

interface Written {
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

describe.skipIf(missing !== null)("the definition of policies on a real API server", () => {
  let plane: ControlPlane;
  let conditions: Readonly<Record<string, string>>;
  beforeAll(async () => {
    plane = await startControlPlane();
    conditions = await installPolicies(plane);
  });
  afterAll(async () => await plane[Symbol.asyncDispose]());

  test("is taken strictly, and its schema is structural", () => {
    expect(conditions).toMatchObject({ NamesAccepted: expect.stringMatching(/^True/) as unknown });
    expect(conditions).not.toHaveProperty("NonStructuralSchema");
  });

  test("takes every older manifest as it is, and gives it back so (F41)", async () => {
    const files = await readdir(FIXTURES);
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) {
      const manifest = parse(await readFile(new URL(file, FIXTURES), "utf8")) as Written;
      const strict = await answerTo(plane, manifest.spec);
      if (!strict.taken) throw new Error(`${file}: ${strict.text}`);
      await plane.client.create(policies, manifest);
      const { spec } = await plane.client.get(policies, manifest.metadata);
      expect(spec).toMatchObject(manifest.spec);
      expect(spec).toEqual(policySpecSchema.parse(manifest.spec));
    }
  });

  test("takes every field that there is, and gives each back as it was written", async () => {
    const { spec } = await answerTo(plane, FULL_POLICY);
    expect(spec).toMatchObject(FULL_POLICY);
  });

  test("keeps false and 0, also over what would be there without them (F41)", async () => {
    const written = { ...smallest(FULL_POLICY), scaleUpThreshold: 0.1, reservedPercentage: 1 };
    const text = JSON.stringify(written);
    expect([...text.matchAll(/:false\b/g)].length).toBeGreaterThan(12);
    expect([...text.matchAll(/:0\b/g)].length).toBeGreaterThan(20);
    const made = await plane.client.create(policies, { metadata: { name: "small" }, spec: written });
    const read = await plane.client.get(policies, made.metadata);
    expect(read.spec).toMatchObject(written);
    // Once more through a writer who changes something else, and by a patch.
    const again = await plane.client.replace(policies, {
      ...read,
      metadata: { ...read.metadata, labels: { a: "b" } },
    });
    expect(again.spec).toEqual(read.spec);
    const patched = await plane.client.mergePatch(policies, made.metadata, { spec: { enabled: true } });
    expect(patched.spec).toEqual({ ...(read.spec as object), enabled: true });
    const off = await plane.client.mergePatch(policies, made.metadata, { spec: { enabled: false } });
    expect(off.spec).toEqual(read.spec);
  });

  test.each([
    ["nothing", {}],
    [
      "empty parts",
      { spot: {}, provisioning: {}, consolidation: {}, disruption: {}, health: {}, behavior: {} },
    ],
    ["empty rates", { maxPercentOrNodesAdded: {}, maxPercentOrNodesRemoved: { nodes: 0 } }],
    ["empty lists", { headroom: [], schedules: [], nodePools: [], disruption: { budgets: [] } }],
    ["a half behavior", { behavior: { scaleUp: {}, scaleDown: { tolerance: 0 } } }],
    [
      "short entries",
      {
        headroom: [{ name: "warm", gpus: 0 }],
        schedules: [{ name: "day", timeZone: "UTC", start: "0 8 * * *", durationSeconds: 60 }],
        disruption: { budgets: [{ nodes: 0 }] },
        nodePools: [{ name: "a", capacityType: "spot", price: {}, group: {}, template: { allocatable: {} } }],
      },
    ],
  ])("fills in what the parser would: %s", async (_what, fields) => {
    const written = { provider: "custom", ...fields };
    const { spec, text } = await answerTo(plane, written);
    if (spec === null) throw new Error(text);
    expect(spec).toEqual(policySpecSchema.parse(written));
  });

  test("leaves to each writer his own fields, down to those of one pool", async () => {
    const ref = { name: "shared" };
    const apply = async (fieldManager: string, spec: object): Promise<UnreadObject> =>
      await plane.client.apply(policies, ref, { spec }, { fieldManager });
    const pools = [
      { name: "a", capacityType: "spot", minSize: 1 },
      { name: "b", capacityType: "reserved" },
    ];
    await apply("git", { provider: "aws", minNodes: 0, nodePools: pools });
    await apply("night-shift", {
      disruption: { freeze: true },
      nodePools: [{ name: "b", maxSize: 0 }],
      headroom: [{ name: "warm", gpus: 8 }],
    });
    // The first one again, with a field less and without a word of what the other has.
    const { spec } = await apply("git", { provider: "aws", nodePools: [pools[0], pools[1]] });
    expect(spec).toMatchObject({
      minNodes: 0,
      disruption: { freeze: true },
      headroom: [{ name: "warm", gpus: 8 }],
      nodePools: [
        { name: "a", minSize: 1 },
        { name: "b", maxSize: 0, capacityType: "reserved" },
      ],
    });
    await expect(
      apply("git", { provider: "aws", nodePools: [pools[0], { ...pools[1], maxSize: 5 }] }),
    ).rejects.toMatchObject({ kind: "conflict" });
  });

  test("takes the status that the coordinator writes, whole, and only as a status", async () => {
    const { input, plan, status } = await ledOnce();
    expect(status.moves.map(({ kind }) => kind)).toContain("grow");
    expect(status.pools[0]?.because?.length).toBeGreaterThan(0);
    expect(status.conditions.length).toBeGreaterThan(3);
    const read = await plane.client.get(policies, { name: input.name });
    expect(read.status).toEqual(status);
    expect(read.metadata.generation).toBe(1);
    expect(plan.moves.length).toBe(status.moves.length);

    const { metadata } = await plane.client.create(policies, {
      metadata: { name: "no-status" },
      spec: { provider: "custom" },
      status,
    });
    expect((await plane.client.get(policies, metadata)).status).toBeUndefined();
  });

  test("keeps of a newer coordinator's status what it does not know, and refuses what is no status", async () => {
    const made = await plane.client.create(policies, {
      metadata: { name: "newer" },
      spec: { provider: "aws" },
    });
    const { status } = await ledOnce("led-again");
    const [first, ...others] = status.moves;
    const newer = {
      ...status,
      invented: { a: 1 },
      moves: [{ ...first, kind: "defragment", phase: "waiting", budget: 3 }, ...others],
    };
    const written = await plane.client.replaceStatus(policies, { ...made, status: newer });
    expect(written.status).toEqual(newer);
    const broken = { ...status, currentNodes: "3", moves: [{ key: "k" }] };
    const refused = plane.client.replaceStatus(policies, { ...written, status: broken });
    await expect(refused).rejects.toThrow("status.currentNodes: Invalid value");
    await expect(refused).rejects.toThrow("status.moves[0].kind: Required");
  });

  test("lets another writer have a condition of its own beside ours", async () => {
    const { status } = await ledOnce("watched");
    const theirs = {
      type: "Reviewed",
      status: "True",
      reason: "ByHand",
      message: "looked at",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    const how = { fieldManager: "reviewer", subresource: "status" } as const;
    const applied = await plane.client.apply(
      policies,
      { name: "watched" },
      { status: { conditions: [theirs] } },
      how,
    );
    expect(applied.status).toEqual({ ...status, conditions: [...status.conditions, theirs] });
  });

  /** One cycle of a leader, as far as it writes: his claim, what he is about to do, and what he found. */
  async function ledOnce(name = "led") {
    const input = policy({ name });
    const seen = snapshot({
      policies: [input],
      nodes: [node("n1")],
      pods: pods(9, "train"),
      notices: [notice("n1")],
    });
    const { plan } = decide(seen);
    const made = await plane.client.create(policies, { metadata: { name }, spec: input.spec });
    const journal = createJournal({ client: plane.client, onUnreadable: () => {} });
    const call = () => ({ signal: new AbortController().signal, deadlineMs: millis(5_000) });
    journal.seen(made);
    journal.begin({ leader: "coordinator-1", onDeposed: () => {} });
    expect(await journal.claim(call)).toEqual([]);
    await journal.change(name, (before) => withIntents(before, plan.moves, plan.at), call);
    const said = (before: PolicyStatus): PolicyStatus =>
      nextStatus(before, {
        policy: input,
        generation: made.metadata.generation,
        plan,
        snapshot: seen,
        done: [],
        writtenAt: null,
      });
    const status = await journal.change(name, said, call);
    return { input, plan, status };
  }
});

/** The same shape with false for every flag, and for every number 0, or the least where 0 is too little. */
function smallest<T>(value: T): T {
  const least: Readonly<Record<string, number>> = {
    maxNodes: 1,
    value: 1,
    periodSeconds: 1,
    gpusPerPod: 1,
    returnAfterSeconds: 60,
    durationSeconds: 60,
    launchTimeoutSeconds: 30,
    registrationTimeoutSeconds: 60,
    gpuReadyTimeoutSeconds: 60,
    expireAfterSeconds: 600,
    targetUtilization: 0.5,
    lookbackDays: 1,
    horizonMinutes: 5,
    confidenceThreshold: 0.1,
    preWarmThreshold: 0.1,
  };
  const shrunk: unknown = JSON.parse(JSON.stringify(value), (key, inner: unknown) => {
    if (typeof inner === "boolean") return false;
    return typeof inner === "number" ? (least[key] ?? 0) : inner;
  });
  // Only values of leaves have changed.
  return shrunk as T;
}
