import { describe, expect, test } from "vitest";

import { GROUP_ANNOTATION, KARPENTER } from "../../../shared/model/names.ts";
import { after, epochMs, millis, seconds } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { RESOURCE, createDiscovery } from "../../../shared/runtime/kube/resources.ts";
import { aQuickPool } from "../../../test/build/scene.ts";
import { aWorldClient } from "../../../test/build/world-client.ts";
import type { WorldClient } from "../../../test/build/world-client.ts";
import { createScaleGroup } from "./create.ts";

const TARGET = { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: "gpu" };
const BOOT_MS = millis(60_000);
const options = () => ({ signal: new AbortController().signal, deadlineMs: millis(2_000) });

async function aStaticPool(replicas = 3, nodeLimit?: number) {
  const { namespace: _, ...shape } = aQuickPool({ name: "gpu", bootMs: BOOT_MS, readyMs: millis(0) });
  const nodePools = [{ ...shape, replicas, ...(nodeLimit === undefined ? {} : { nodeLimit }) }];
  const made = await aWorldClient(0, { pools: [], nodePools });
  pass(made, 120_000);
  let lateMs = 0;
  const group = createScaleGroup({
    client: made.client,
    discover: createDiscovery(made.client),
    target: TARGET,
    defaultNamespace: "default",
    clock: { ...systemClock, now: () => epochMs(made.world.now + lateMs) },
  });
  return {
    made,
    group,
    /** The coordinator's clock goes on, the world stands. */
    later: (ms: number) => {
      lateMs += ms;
    },
    remove: async (id: string) => {
      await group.removeInstance(id, await group.read(options()), options());
    },
  };
}

function pass({ server, world }: WorldClient, ms: number): void {
  server.step(after(world.now, millis(ms)));
}

function claims({ world }: WorldClient): readonly string[] {
  return world
    .list("nodeclaims")
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name);
}

function nodePool({ world }: WorldClient) {
  const pool = world.get("nodepools", { name: "gpu" });
  if (pool === null) throw new Error("no NodePool");
  return { replicas: pool.spec?.replicas, note: pool.metadata.annotations?.[GROUP_ANNOTATION.lowering] };
}

/** Claims that Karpenter ended by its own choice. */
function victims({ world }: WorldClient): readonly string[] {
  return world.ledger.flatMap((fact) =>
    fact.kind === "machine-deleting" && fact.chosen === "random" ? [fact.machine] : [],
  );
}

/** The process dies when the `nth` write of this method comes in: neither that nor any later one is carried out. */
function dieAt({ server }: WorldClient, method: string, pathIncludes: string): () => void {
  return server.faults.set({ kind: "cut", match: { method, pathIncludes } });
}

describe("Karpenter, of its own accord", () => {
  test("takes another node than the one that was meant when the number falls first", async () => {
    const { made } = await aStaticPool();
    await using _ = made;
    const chosen = claims(made).at(-1) ?? "";
    const pool = made.world.get("nodepools", { name: "gpu" });
    if (pool === null) throw new Error("no NodePool");
    made.server.change((world) => {
      world.put("nodepools", { ...pool, spec: { ...pool.spec, replicas: 2 } });
      world.remove("nodeclaims", { name: chosen });
    });
    pass(made, 120_000);
    expect(victims(made)).toHaveLength(1);
    expect(victims(made)).not.toContain(chosen);
    // And what went after it was replaced: two nodes lost and one bought for one that was to go.
    expect(made.world.ledger.filter(({ kind }) => kind === "machine-joined")).toHaveLength(4);
  });

  test("replaces a claim that is deleted alone", async () => {
    const { made } = await aStaticPool();
    await using _ = made;
    const [chosen = ""] = claims(made);
    made.server.change((world) => world.remove("nodeclaims", { name: chosen }));
    pass(made, 120_000);
    expect(claims(made)).toHaveLength(3);
    expect(claims(made)).not.toContain(chosen);
  });
});

describe("removeInstance() of a static NodePool", () => {
  test("notes the claim, deletes it, and lowers the number with the write that takes the note away", async () => {
    const { made, remove } = await aStaticPool();
    await using _ = made;
    const [first = "", chosen = "", last = ""] = claims(made);
    await remove(chosen);
    // Karpenter writes the status of the NodePool at the same time, so a write of ours may have been refused first.
    const writes = made.server.audit.filter(({ method, status }) => method !== "GET" && status === 200);
    expect(writes.map(({ method, resource }) => `${method} ${resource}`)).toEqual([
      "PATCH nodepools",
      "DELETE nodeclaims",
      "PATCH nodepools",
    ]);
    expect(nodePool(made)).toEqual({ replicas: 2, note: undefined });
    pass(made, 120_000);
    expect(claims(made)).toEqual([first, last]);
    expect(victims(made)).toEqual([]);
  });

  test("takes the replacement that Karpenter makes in between, and no node", async () => {
    const { made, remove } = await aStaticPool();
    await using _ = made;
    const before = claims(made);
    const [chosen = ""] = before;
    await remove(chosen);
    const gone = made.world.ledger.filter((fact) => fact.kind === "machine-deleting");
    expect(gone.map(({ chosen: how }) => how)).toEqual(["direct", "unhealthy"]);
    pass(made, 120_000);
    expect(claims(made)).toEqual(before.slice(1));
  });

  test("lowers once for each of two members, whatever else is written meanwhile", async () => {
    const { made, group, remove } = await aStaticPool(4);
    await using _ = made;
    const [one = "", two = "", ...others] = claims(made);
    await Promise.all([
      remove(one),
      remove(two).catch(async () => {
        await remove(two);
      }),
    ]);
    expect((await group.read(options())).size).toBe(2);
    pass(made, 120_000);
    expect(claims(made)).toEqual(others);
    expect(nodePool(made).note).toBeUndefined();
  });

  test("leaves no trace where the claim may not be deleted", async () => {
    const { made, remove } = await aStaticPool();
    await using _ = made;
    const before = claims(made);
    made.server.faults.set({ kind: "status", code: 403, match: { method: "DELETE" } });
    await expect(remove(before[0] ?? "")).rejects.toMatchObject({ kind: "denied" });
    expect(nodePool(made)).toEqual({ replicas: 3, note: undefined });
    expect(claims(made)).toEqual(before);
  });

  test("takes no claim of another NodePool, nor one that is going", async () => {
    const { made, group, remove } = await aStaticPool();
    await using _ = made;
    const metadata = { name: "other-1", labels: { [KARPENTER.nodePool]: "other" } };
    made.server.change((world) => world.put("nodeclaims", { metadata, spec: {} }));
    await expect(remove("other-1")).rejects.toMatchObject({ kind: "not-found" });
    expect(await group.contains("other-1", options())).toBe(false);
  });
});

describe("a removal beside other hands", () => {
  /** What happens once, when the write that lowers the number comes in. */
  async function between(change: (made: WorldClient, chosen: string) => void) {
    const pool = await aStaticPool();
    const { made } = pool;
    const before = claims(made);
    const [chosen = ""] = before;
    let isDeleted = false;
    const hold = made.server.onRequest(({ when, method, path }) => {
      isDeleted ||= when === "after" && method === "DELETE";
      if (when !== "before" || method !== "PATCH" || !isDeleted || !path.includes("/nodepools/")) return;
      hold();
      change(made, chosen);
    });
    await pool.remove(chosen);
    pass(made, 120_000);
    return { ...pool, before, chosen };
  }

  function resize({ world }: WorldClient, by: number): void {
    const pool = world.get("nodepools", { name: "gpu" });
    if (pool === null) throw new Error("no NodePool");
    world.put("nodepools", { ...pool, spec: { ...pool.spec, replicas: (pool.spec?.replicas ?? 0) + by } });
  }

  test("takes what was bought meanwhile, and no node, where the number was raised before it fell", async () => {
    const { made, before } = await between((at) => {
      resize(at, 1);
      at.world.advance(after(at.world.now, millis(5_000)));
    });
    await using _ = made;
    expect(nodePool(made)).toEqual({ replicas: 3, note: undefined });
    expect(victims(made)).toEqual([]);
    expect(claims(made)).toEqual(expect.arrayContaining(before.slice(1)));
  });

  test("lowers no further where another hand has lowered it and what came for the member went with that", async () => {
    const { made, before } = await between((at) => resize(at, -1));
    await using _ = made;
    expect(nodePool(made)).toEqual({ replicas: 2, note: undefined });
    expect(victims(made)).toEqual([]);
    expect(claims(made)).toEqual(before.slice(1));
  });
});

describe("a removal whose process died", () => {
  test("before the claim was deleted has not happened, and is taken back", async () => {
    const { made, group, remove } = await aStaticPool();
    await using _ = made;
    const before = claims(made);
    const [chosen = ""] = before;
    const revive = dieAt(made, "DELETE", "/nodeclaims/");
    await expect(remove(chosen)).rejects.toMatchObject({ kind: "unavailable" });
    revive();
    expect(nodePool(made).note).toContain(chosen);
    expect(await group.contains(chosen, options())).toBe(true);
    await group.keepInstance(chosen, options());
    expect(nodePool(made)).toEqual({ replicas: 3, note: undefined });
    expect(claims(made)).toEqual(before);
  });

  test("and called off by the next leader is not carried out by a request that comes late", async () => {
    const { made, group } = await aStaticPool();
    await using _ = made;
    const [chosen = ""] = claims(made);
    const { uid = "", resourceVersion = "" } = made.world.get("nodeclaims", { name: chosen })?.metadata ?? {};
    await group.keepInstance(chosen, options());
    await expect(
      made.client.delete(RESOURCE.nodeClaims, { name: chosen }, { uid, resourceVersion }),
    ).rejects.toMatchObject({ kind: "conflict" });
    expect(claims(made)).toContain(chosen);
  });

  test.each(["contains", "read", "keepInstance"] as const)(
    "after that is finished by %s(): the number ends one lower, once",
    async (which) => {
      const { made, group, remove } = await aStaticPool();
      await using _ = made;
      const before = claims(made);
      const [chosen = ""] = before;
      // The note is the first PATCH, so only the second one is cut.
      const hold = made.server.onRequest(({ when, method }) => {
        if (when === "after" && method === "DELETE") dieAt(made, "PATCH", "/nodepools/");
      });
      await expect(remove(chosen)).rejects.toMatchObject({ kind: "timeout" });
      hold();
      made.server.faults.clear();
      expect(nodePool(made).replicas).toBe(3);

      for (let again = 0; again < 2; again++) {
        if (which === "contains") expect(await group.contains(chosen, options())).toBe(false);
        else if (which === "read") expect((await group.read(options())).size).toBe(2);
        else await group.keepInstance(chosen, options());
        expect(nodePool(made)).toEqual({ replicas: 2, note: undefined });
      }
      pass(made, 120_000);
      expect(claims(made)).toEqual(before.slice(1));
      expect(victims(made)).toEqual([]);
    },
  );

  /** Dies after the delete; `ms` of the world pass before anybody looks. */
  async function diedFor(ms: number) {
    const pool = await aStaticPool();
    const [chosen = "", ...others] = claims(pool.made);
    const hold = pool.made.server.onRequest(({ when, method }) => {
      if (when === "after" && method === "DELETE") dieAt(pool.made, "PATCH", "/nodepools/");
    });
    await expect(pool.remove(chosen)).rejects.toMatchObject({ kind: "timeout" });
    hold();
    pool.made.server.faults.clear();
    pass(pool.made, ms);
    return { ...pool, chosen, others };
  }

  test("takes the replacement while that boots", async () => {
    const { made, group, chosen, others } = await diedFor(30_000);
    await using _ = made;
    expect(claims(made)).toHaveLength(3);
    expect(await group.contains(chosen, options())).toBe(false);
    pass(made, 120_000);
    expect(claims(made)).toEqual(others);
    expect(nodePool(made)).toEqual({ replicas: 2, note: undefined });
    expect(victims(made)).toEqual([]);
  });

  test("leaves a replacement that is a node, and the number with it: it may have pods", async () => {
    const { made, group, chosen } = await diedFor(120_000);
    await using _ = made;
    const now = claims(made);
    expect(await group.contains(chosen, options())).toBe(false);
    pass(made, 120_000);
    expect(nodePool(made)).toEqual({ replicas: 3, note: undefined });
    expect(claims(made)).toEqual(now);
    expect(victims(made)).toEqual([]);
  });

  test("is finished once by two who look at the same moment, also where it is late", async () => {
    const { made, group, others } = await diedFor(30_000);
    await using _ = made;
    await Promise.all(Array.from({ length: 4 }, async () => await group.read(options()).catch(() => {})));
    expect((await group.read(options())).size).toBe(2);
    pass(made, 120_000);
    expect(claims(made)).toEqual(others);
    expect(nodePool(made)).toEqual({ replicas: 2, note: undefined });
    expect(victims(made)).toEqual([]);
  });

  test("long ago means nothing any more", async () => {
    const { made, group, later } = await diedFor(0);
    await using _ = made;
    later(601_000);
    expect((await group.read(options())).size).toBe(3);
    expect(nodePool(made)).toEqual({ replicas: 3, note: undefined });
  });

  test("is finished as a part of nothing else: a growth comes on top", async () => {
    const { made, group } = await diedFor(0);
    await using _ = made;
    const seen = await group.read(options());
    expect(seen.size).toBe(2);
    await group.resize(4, seen, options());
    pass(made, 120_000);
    expect(nodePool(made)).toEqual({ replicas: 4, note: undefined });
    expect(claims(made)).toHaveLength(4);
  });
});

describe("cancelUnfilled() of a static NodePool", () => {
  test("gives back places without a claim by the number alone, and never a node", async () => {
    const { made, group } = await aStaticPool(3, 10);
    await using _ = made;
    const before = claims(made);
    made.world.setCapacity("gpu", 3);
    await group.resize(5, await group.read(options()), options());
    // Refused, and not tried again yet.
    pass(made, 2_000);
    expect(claims(made)).toEqual(before);
    await group.cancelUnfilled(2, await group.read(options()), options());
    expect(nodePool(made)).toEqual({ replicas: 3, note: undefined });
    await expect(group.cancelUnfilled(1, await group.read(options()), options())).rejects.toMatchObject({
      kind: "conflict",
    });
    pass(made, 120_000);
    expect(claims(made)).toEqual(before);
  });

  test("leaves a claim that was launched while it was being cancelled", async () => {
    const { made, group } = await aStaticPool(2, 10);
    await using _ = made;
    await group.resize(3, await group.read(options()), options());
    const fresh = claims(made).at(-1) ?? "";
    const hold = made.server.onRequest(({ when, method, path }) => {
      if (when === "before" && method === "PATCH" && path.includes("/nodepools/"))
        made.world.advance(after(made.world.now, millis(5_000)));
    });
    const seen = await group.read(options());
    await expect(group.cancelUnfilled(1, seen, options())).rejects.toMatchObject({ kind: "conflict" });
    hold();
    expect(claims(made)).toContain(fresh);
    expect(nodePool(made)).toEqual({ replicas: 3, note: undefined });
  });
});

test("a static NodePool is not grown over its limits.nodes", async () => {
  const { made, group } = await aStaticPool(3, 4);
  await using _ = made;
  const seen = await group.read(options());
  expect(seen).toMatchObject({ size: 3, max: 4 });
  await expect(group.resize(5, seen, options())).rejects.toMatchObject({
    kind: "refused",
    message: "NodePool gpu has a maximum of 4, so it cannot grow to 5",
  });
});

test("a call of several requests ends as a whole by its deadline", async () => {
  const { made, group } = await aStaticPool();
  await using _ = made;
  const [id = ""] = claims(made);
  const seen = await group.read(options());
  // Each request takes most of the time that there is for all.
  made.server.faults.set({ kind: "slow", ms: millis(150) });
  const call = { ...options(), deadlineMs: millis(200) };
  await expect(group.removeInstance(id, seen, call)).rejects.toMatchObject({ kind: "timeout" });
  made.server.faults.clear();
  await group.keepInstance(id, options());
  expect(nodePool(made)).toEqual({ replicas: 3, note: undefined });
});

test("a removal is not undone by the second sending of its own request", async () => {
  const { made, remove } = await aStaticPool();
  await using _ = made;
  const before = claims(made);
  // The answer is lost with the connection, and the client sends again what may be sent twice.
  for (const method of ["DELETE", "PATCH"])
    made.server.faults.set({ kind: "cut", when: "after", times: 1, match: { method } });
  await remove(before[0] ?? "");
  expect(nodePool(made)).toEqual({ replicas: 2, note: undefined });
  pass(made, 120_000);
  expect(claims(made)).toEqual(before.slice(1));
});

describe("releaseLeaving() of a static NodePool", () => {
  /** Another hand deletes a claim; `ms` of the world pass before anybody looks. */
  async function deletedFor(ms: number) {
    const pool = await aStaticPool();
    const [gone = "", ...others] = claims(pool.made);
    // Pods that take their time keep the claim.
    const slow = { gpus: 8, graceSeconds: seconds(600), exitAfterMs: millis(110_000) };
    pool.made.server.change((world) => world.submitService({ name: "serve", replicas: 3, ...slow }));
    pass(pool.made, 10_000);
    pool.made.server.change((world) => world.remove("nodeclaims", { name: gone }));
    pass(pool.made, ms);
    const release = async (id = gone) =>
      await pool.group.releaseLeaving?.(id, await pool.group.read(options()), options());
    return { ...pool, gone, others, release };
  }

  test.each([
    ["has not been bought", 0],
    ["boots", 30_000],
  ])("lowers the number, and what was made in its place goes while it %s", async (_, ms) => {
    const { made, others, release } = await deletedFor(ms);
    await using __ = made;
    expect(await release()).toBe(true);
    expect(nodePool(made)).toEqual({ replicas: 2, note: undefined });
    pass(made, 120_000);
    expect(claims(made)).toEqual(others);
    expect(victims(made)).toEqual([]);
  });

  test("leaves what is a node by then, and the number with it", async () => {
    const { made, release } = await deletedFor(90_000);
    await using _ = made;
    const now = claims(made);
    expect(await release()).toBe(false);
    expect(nodePool(made)).toEqual({ replicas: 3, note: undefined });
    expect(claims(made)).toEqual(now);
  });

  test("does nothing for a claim that stays, or that is gone", async () => {
    const { made, others, release } = await deletedFor(0);
    await using _ = made;
    expect(await release(others[0])).toBe(false);
    expect(await release("nobody")).toBe(false);
    expect(nodePool(made)).toEqual({ replicas: 3, note: undefined });
  });

  test("is finished by whoever reads next where its process died", async () => {
    const { made, group, others, release } = await deletedFor(0);
    await using _ = made;
    let patches = 0;
    const hold = made.server.onRequest(({ when, method }) => {
      if (when === "after" && method === "PATCH" && ++patches === 1) dieAt(made, "PATCH", "/nodepools/");
    });
    await expect(release()).rejects.toMatchObject({ kind: "timeout" });
    hold();
    made.server.faults.clear();
    expect((await group.read(options())).size).toBe(2);
    pass(made, 120_000);
    expect(claims(made)).toEqual(others);
  });
});
