import { afterAll, describe, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { createFakeClock } from "../build/clock.ts";
import { DISCOVERY, faultsIn } from "../world/cloud/gcp-discovery.ts";
import type { GcpAnswer } from "../world/cloud/gcp.ts";
import { cloudGroupContract } from "./cloud-group.ts";
import { clientOf } from "./gcp-clients.ts";
import type { ClientName } from "./gcp-clients.ts";
import { gcpHarness, idOf } from "./gcp-harness.ts";
import { calling, hasNoMinimum } from "./harness.ts";

/** Of all cases, in the order in which they ran. */
const answers: GcpAnswer[] = [];

cloudGroupContract("gcp on our stand-in", async (setup) => await gcpHarness(setup, answers), {
  "remove under minimum": {
    reason: "a managed instance group has no minimum of its own",
    proof: hasNoMinimum,
  },
});

describe.each<ClientName>(["our requests", "Google's client"])("the stand-in through %s", (name) => {
  test("names machines that come and takes machines by name", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 1 }, answers);
    const client = clientOf(name, harness.cloud);
    expect(await client.size("group-0")).toBe(1);
    expect(await client.create("group-0", ["group-0-aaaa", "group-0-bbbb"])).toBeNull();
    expect(await client.size("group-0")).toBe(3);
    expect((await client.actions("group-0")).get("group-0-aaaa")).toBe("CREATING");
    harness.world.advance(harness.world.now);
    await harness.advance();
    expect((await client.actions("group-0")).get("group-0-aaaa")).toBe("NONE");
    expect(await client.remove("group-0", ["group-0-aaaa"])).toBeNull();
    expect((await client.actions("group-0")).get("group-0-aaaa")).toBe("DELETING");
    expect(await client.size("group-0")).toBe(2);
    await harness.advance();
    expect([...(await client.actions("group-0")).keys()]).toContain("group-0-bbbb");
    expect(await client.machineType("group-0-template")).toBe("gpu-8x");
  });

  test("a name that is taken fails in the operation, which is answered with 200", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 0 }, answers);
    const client = clientOf(name, harness.cloud);
    expect(await client.create("group-0", ["group-0-aaaa"])).toBeNull();
    expect(await client.create("group-0", ["group-0-aaaa"])).toBe("RESOURCE_ALREADY_EXISTS");
    expect(await client.size("group-0")).toBe(1);
  });

  test("pages", async () => {
    await using harness = await gcpHarness({ groups: 7, size: 0 }, answers, { pageMax: 3 });
    const sizes = await clientOf(name, harness.cloud).sizes();
    expect([...sizes.values()]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  test("what is not there is 404, and a quota at the request is 403", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 0 }, answers);
    const client = clientOf(name, harness.cloud);
    expect(await client.statusOf(client.size("nobody"))).toBe(404);
    harness.cloud.trouble.set({ kind: "refuse", code: "quotaExceeded", match: { write: true } });
    expect(await client.statusOf(client.create("group-0", ["group-0-aaaa"]))).toBe(403);
  });
});

describe("a machine that Google takes", () => {
  test("before its place was released: what is made in its place is cancelled while it is no node yet", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 3 }, answers);
    const [id = "", ...others] = await harness.instances();
    const group = harness.group();
    // So that the stand-in knows the place as one that had a machine.
    await harness.seen();
    await harness.interrupt(id);
    harness.world.advance(harness.world.now);
    const members = await harness.seen();
    expect(members.filter(({ state }) => state === "present")).toHaveLength(3);
    const gone = `${id.split("/")[0] ?? ""}/gone`;
    expect(members.filter(({ state }) => state === "leaving")).toMatchObject([{ id: gone }]);
    expect(await group.contains(id, calling(harness))).toBe(false);
    const seen = await group.read(calling(harness));
    expect(seen.size).toBe(3);
    expect(await group.releaseLeaving?.(id, seen, calling(harness))).toBe(true);
    await harness.advance();
    expect(await harness.instances()).toEqual(others);
    expect(await harness.size()).toBe(2);
  });

  test("in a stock-out: its empty place is shown with the reason, and goes with its release", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 3 }, answers);
    const [id = "", ...others] = await harness.instances();
    const name = id.split("/")[0] ?? "";
    await harness.seen();
    await harness.stockOut(-1);
    await harness.interrupt(id);
    harness.world.advance(harness.world.now);
    const members = await harness.seen();
    expect(members.filter(({ id: one }) => one.startsWith(`${name}/`))).toMatchObject([
      { id: `${name}/gone`, state: "leaving" },
      { id: `${name}/place`, state: "failed", placeholder: true, failure: { kind: "no-capacity" } },
    ]);
    const group = harness.group();
    const seen = await group.read(calling(harness));
    expect(await group.releaseLeaving?.(`${name}/gone`, seen, calling(harness))).toBe(true);
    expect(await group.releaseLeaving?.(`${name}/gone`, seen, calling(harness))).toBe(false);
    await harness.stockOut(null);
    await harness.advance();
    expect(await harness.instances()).toEqual(others);
  });

  test("and made anew under its name: the new one is another machine, which no late release takes", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 2 }, answers);
    const [id = ""] = await harness.instances();
    const group = harness.group();
    await harness.interrupt(id);
    await harness.advance();
    const now = await harness.instances();
    expect(now).toHaveLength(2);
    expect(now).not.toContain(id);
    expect(now.map((one) => one.split("/")[0])).toContain(id.split("/")[0]);
    const seen = await group.read(calling(harness));
    expect(await group.releaseLeaving?.(id, seen, calling(harness))).toBe(false);
    for (const late of [group.removeInstance, group.releaseInstance])
      await expect(late(id, seen, calling(harness))).rejects.toMatchObject({ kind: "not-found" });
    expect(await harness.instances()).toEqual(now);
  });
});

test("a machine made anew that has booted goes with the release as long as the old one was there a moment ago", async () => {
  const clock = createFakeClock();
  await using harness = await gcpHarness({ groups: 1, size: 2 }, answers, { clock });
  const [id = "", other = ""] = await harness.instances();
  const group = harness.group();
  await harness.seen();
  await harness.interrupt(id);
  await harness.advance();
  await clock.advance(millis(15_000));
  const seen = await group.read(calling(harness));
  expect(await group.releaseLeaving?.(id, seen, calling(harness))).toBe(true);
  await harness.advance();
  expect(await harness.instances()).toEqual([other]);

  await harness.seen();
  await harness.interrupt(other);
  await harness.advance();
  await clock.advance(millis(25_000));
  const later = await group.read(calling(harness));
  expect(await group.releaseLeaving?.(other, later, calling(harness)), "long enough to be a node").toBe(
    false,
  );
  expect(await harness.instances()).toHaveLength(1);
});

describe("operations", () => {
  test("one that fails is the failure of the call, although its answer was 200", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 1 }, answers);
    const seen = await harness.group().read(calling(harness));
    const message = "Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 8.0 globally.";
    harness.cloud.failOperation({ code: "QUOTA_EXCEEDED", message, httpErrorStatusCode: 403 });
    await expect(harness.group().resize(2, seen, calling(harness))).rejects.toMatchObject({
      kind: "quota",
      message: expect.stringContaining("GPUS_ALL_REGIONS") as string,
    });
    expect(await harness.size()).toBe(1);
  });

  test("one that does not end is maybe done, and its group is held until it has ended", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 1 }, answers);
    const group = harness.group();
    const seen = await group.read(calling(harness));
    harness.cloud.trouble.set({
      kind: "silence",
      when: "after",
      match: { action: "compute.zoneOperations.wait" },
    });
    harness.cloud.holdOperations(true);
    const short = { ...calling(harness), deadlineMs: millis(300) };
    await expect(group.resize(2, seen, short)).rejects.toMatchObject({ kind: "timeout" });
    const during = await group.read(calling(harness));
    expect(during.held).toMatch(/operation-000001 of ours is still under way/);
    await expect(group.resize(3, during, calling(harness))).rejects.toMatchObject({ kind: "refused" });
    harness.cloud.trouble.clear();
    harness.cloud.holdOperations(false);
    const after = await group.read(calling(harness));
    expect(after).toEqual({ size: 2, version: null });
    await group.resize(3, after, calling(harness));
    expect(await harness.size()).toBe(3);
  });

  test("one of which Google answers too soon is asked for again, and not as fast as it answers", async () => {
    const clock = createFakeClock();
    await using harness = await gcpHarness({ groups: 1, size: 1 }, answers, { clock });
    const group = harness.group();
    const seen = await group.read(calling(harness));
    harness.cloud.holdOperations(true);
    const waits = (): number =>
      harness.cloud.calls.filter(({ action }) => action === "compute.zoneOperations.wait").length;
    const growth = group.resize(2, seen, calling(harness));
    await clock.untilSleeping(100);
    await clock.advance(99);
    expect(waits()).toBe(1);
    harness.cloud.holdOperations(false);
    await clock.advance(1);
    await growth;
    expect(waits()).toBe(2);
  });

  test("one whose address vanishes is maybe done, and a read settles it", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 1 }, answers);
    const group = harness.group();
    const seen = await group.read(calling(harness));
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "notFound",
      match: { action: "compute.zoneOperations.wait" },
    });
    harness.cloud.forgetOperations();
    await expect(group.resize(2, seen, calling(harness))).rejects.toMatchObject({ kind: "unavailable" });
    harness.cloud.forgetOperations();
    expect(await group.read(calling(harness))).toEqual({ size: 2, version: null });
  });

  test("a growth that is asked for again names the same machines, so that Google refuses the second", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 1 }, answers);
    const group = harness.group();
    const seen = await group.read(calling(harness));
    await harness.loseAnswer("after");
    await expect(group.resize(2, seen, calling(harness))).rejects.toMatchObject({ kind: "unavailable" });
    await expect(group.resize(2, seen, calling(harness))).rejects.toMatchObject({ kind: "conflict" });
    await harness.advance();
    expect(await harness.instances()).toHaveLength(2);
  });

  test("names of a growth that was found done are none of a later one's, whose machines are others", async () => {
    await using harness = await gcpHarness({ groups: 1, size: 1 }, answers);
    const group = harness.group();
    const [first = ""] = await harness.instances();
    await harness.loseAnswer("after");
    const seen = await group.read(calling(harness));
    await expect(group.resize(2, seen, calling(harness))).rejects.toMatchObject({ kind: "unavailable" });
    await harness.advance();
    const [made = ""] = (await harness.instances()).filter((id) => id !== first);
    await group.removeInstance(made, await group.read(calling(harness)), calling(harness));
    await harness.advance();
    await group.resize(2, await group.read(calling(harness)), calling(harness));
    await harness.advance();
    const [later = ""] = (await harness.instances()).filter((id) => id !== first);
    expect(later.split("/")[0]).not.toBe(made.split("/")[0]);
  });
});

test("a growth is one read, one write and one wait", async () => {
  await using harness = await gcpHarness({ groups: 1, size: 2 }, answers);
  const seen = await harness.group().read(calling(harness));
  await harness.group().resize(3, seen, calling(harness));
  expect(harness.cloud.calls.map(({ action }) => action)).toEqual([
    "compute.instanceGroupManagers.get",
    "compute.instanceGroupManagers.createInstances",
    "compute.zoneOperations.wait",
  ]);
});

test("ids of members are those of machines, joined by providerID", async () => {
  await using harness = await gcpHarness({ groups: 1, size: 1 }, answers);
  const [instance] = harness.world.clouds.group("group-0")?.instances ?? [];
  if (instance === undefined) throw new Error("the world has no machine");
  expect(await harness.seen()).toEqual([
    {
      id: idOf(instance),
      state: "present",
      providerID: instance.providerID,
      zone: "us-central1-a",
      instanceType: "gpu-8x",
    },
  ]);
});

afterAll(() => {
  const { source, revisions } = DISCOVERY;
  const calls = [...new Set(answers.map(({ method }) => method))].toSorted();
  console.log(
    `Google's description (${source}, compute ${revisions["compute"] ?? "?"}) judges ${answers.length} answers of ${calls.join(", ")}`,
  );
});

test("Google's own description finds nothing wrong with any answer of the stand-in", () => {
  expect(answers.length).toBeGreaterThan(100);
  const faults = answers.flatMap(({ method, body }) =>
    faultsIn(method, "response", body).map((fault) => `${method}: ${fault}`),
  );
  expect([...new Set(faults)]).toEqual([]);
});
