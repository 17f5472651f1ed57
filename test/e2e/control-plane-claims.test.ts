// More of what our stand-in for the API server claims, asked of a real one in the same words: what an eviction is answered,
// which patches there are and when they do not fit, what selectors find, what pages and watches promise, which objects are
// refused. Codes and causes are compared, not the wording of messages.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { KubeObject, Pod } from "../../shared/model/kube.ts";
import { millis } from "../../shared/model/units.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { BOTH } from "../control-plane/both.ts";
import type { ApiServer } from "../control-plane/both.ts";

const NODES = "/api/v1/nodes";
const PODS = "/api/v1/namespaces/default/pods";
const BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
const LIFE_MS = millis(30_000);
const HOST = "node-of-nobody";
const OTHER_UID = "00000000-0000-4000-8000-000000000000";

interface Body {
  readonly reason?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly items?: readonly (KubeObject & { readonly kind?: string })[];
  readonly details?: {
    readonly causes?: readonly { readonly reason?: string }[];
    readonly retryAfterSeconds?: number;
  };
  readonly spec?: { readonly taints?: readonly { readonly key: string }[] };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly lastTransitionTime?: unknown }[];
  };
}

describe.each(BOTH)("$name", ({ open, why }) => {
  let server: ApiServer;
  beforeAll(async () => {
    if (why !== null) return;
    server = await open();
    await server.client.create(RESOURCE.nodes, { metadata: { name: HOST } });
  });
  afterAll(async () => {
    if (why === null) await server[Symbol.asyncDispose]();
  });

  const ask = async (
    ...request: Parameters<ApiServer["send"]>
  ): Promise<{ readonly code: number; readonly body: Body }> => {
    const { status, text } = await server.send(...request);
    return { code: status, body: (text.startsWith("{") ? JSON.parse(text) : {}) as Body };
  };
  const aPod = async (name: string, labels: Readonly<Record<string, string>> = {}): Promise<Pod> => {
    const spec = { nodeName: HOST, containers: [{ name: "main", image: "main" }] };
    const ref = { namespace: "default", name };
    await server.client.create(RESOURCE.pods, { metadata: { ...ref, labels }, spec } as Pod);
    const conditions = [{ type: "Ready", status: "True" }];
    return await server.client.patchStatus(RESOURCE.pods, ref, { status: { phase: "Running", conditions } });
  };
  const codeOf = async (...request: Parameters<ApiServer["send"]>): Promise<number> =>
    (await ask(...request)).code;

  describe.skipIf(why !== null)("an eviction", () => {
    const evict = async (name: string, deleteOptions: object = {}, of = name, apiVersion = "policy/v1") =>
      await ask("POST", `${PODS}/${name}/eviction`, {
        apiVersion,
        kind: "Eviction",
        metadata: { name: of, namespace: "default" },
        deleteOptions,
      });
    /** As the controller would have counted it. */
    const budget = async (name: string, app: string, minAvailable: number): Promise<void> => {
      const spec = { minAvailable, selector: { matchLabels: { app } } };
      await ask("POST", BUDGETS, {
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name },
        spec,
      });
      const counted = {
        observedGeneration: 1,
        desiredHealthy: minAvailable,
        currentHealthy: 1,
        expectedPods: 1,
      };
      await ask("PATCH", `${BUDGETS}/${name}/status`, { status: { ...counted, disruptionsAllowed: 0 } });
    };

    test("is made, and in a dry run only said to be", async () => {
      await aPod("free");
      expect((await evict("free", { dryRun: ["All"] })).code).toBe(201);
      const before = await server.client.get(RESOURCE.pods, { namespace: "default", name: "free" });
      expect(before.metadata.deletionTimestamp).toBeUndefined();
      expect((await evict("free", { gracePeriodSeconds: 9 })).code).toBe(201);
      const after = await server.client.get(RESOURCE.pods, { namespace: "default", name: "free" });
      expect(after.metadata).toMatchObject({ deletionGracePeriodSeconds: 9 });
    });

    test("is refused by a budget with 429, that cause, and no time to wait", async () => {
      await aPod("held", { app: "held" });
      await budget("held", "held", 1);
      const { code, body } = await evict("held");
      expect({ code, reason: body.reason }).toEqual({ code: 429, reason: "TooManyRequests" });
      expect(body.details?.causes).toMatchObject([{ reason: "DisruptionBudget" }]);
      expect(body.details?.retryAfterSeconds).toBeUndefined();
    });

    test("is answered 500 without a reason under two budgets", async () => {
      await aPod("torn", { app: "torn" });
      await budget("torn-1", "torn", 0);
      await budget("torn-2", "torn", 0);
      const { code, body } = await evict("torn");
      expect({ code, reason: body.reason }).toEqual({ code: 500, reason: undefined });
    });

    test("is answered 404, 409 and 400 for a pod that is gone, another, or another name", async () => {
      await aPod("meant");
      expect((await evict("nobody")).code).toBe(404);
      expect((await evict("meant", { preconditions: { uid: OTHER_UID } })).code).toBe(409);
      expect((await evict("meant", {}, "other")).code).toBe(400);
      expect((await evict("meant", {}, "meant", "policy/v2")).code).toBe(400);
    });
  });

  describe.skipIf(why !== null)("a patch", () => {
    const JSON_PATCH = "application/json-patch+json";
    const APPLY = "application/apply-patch+yaml";

    test("by operations fits whole or not at all", async () => {
      await server.client.create(RESOURCE.nodes, { metadata: { name: "operated", labels: { a: "1" } } });
      const patch = async (...operations: readonly object[]) =>
        await ask("PATCH", `${NODES}/operated`, operations, JSON_PATCH);
      const add = { op: "add", path: "/metadata/labels/b", value: "2" };
      expect((await patch(add, { op: "test", path: "/metadata/labels/a", value: "9" })).code).toBe(422);
      expect((await patch(add, { op: "remove", path: "/metadata/labels/nothing" })).code).toBe(422);
      expect(
        (await server.client.get(RESOURCE.nodes, { name: "operated" })).metadata.labels?.["b"],
      ).toBeUndefined();
      const { code, body } = await patch({ op: "test", path: "/metadata/labels/a", value: "1" }, add, {
        op: "replace",
        path: "/metadata/labels/a",
        value: "3",
      });
      expect({ code, a: body.metadata?.labels?.["a"], b: body.metadata?.labels?.["b"] }).toEqual({
        code: 200,
        a: "3",
        b: "2",
      });
    });

    test("by apply takes away what its manager names no more, keeps others' conditions, and conflicts with them", async () => {
      await server.client.create(RESOURCE.nodes, { metadata: { name: "applied" } });
      const ready = { type: "Ready", status: "True", reason: "kubelet" };
      await ask("PATCH", `${NODES}/applied/status`, { status: { conditions: [ready] } });
      const apply = async (conditions: readonly object[], query = "") =>
        await ask(
          "PATCH",
          `${NODES}/applied/status?fieldManager=agent${query}`,
          { apiVersion: "v1", kind: "Node", metadata: { name: "applied" }, status: { conditions } },
          APPLY,
        );
      const ours = { type: "GpuHealthy", status: "True", reason: "ok" };
      const typesOf = ({ body }: { readonly body: Body }): readonly string[] =>
        (body.status?.conditions ?? []).map(({ type }) => type).toSorted();
      expect(typesOf(await apply([ours]))).toEqual(["GpuHealthy", "Ready"]);
      expect(typesOf(await apply([]))).toEqual(["Ready"]);
      expect((await apply([{ ...ready, status: "False" }])).code).toBe(409);
      expect((await apply([{ ...ready, status: "False" }], "&force=true")).code).toBe(200);
      expect(
        await codeOf("PATCH", `${NODES}/applied/status`, { apiVersion: "v1", kind: "Node" }, APPLY),
      ).toBe(422);
    });

    test("of another format is refused, and of a condition without a time shows null for it", async () => {
      expect(await codeOf("PATCH", `${NODES}/${HOST}`, {}, "application/yaml")).toBe(415);
      const conditions = [{ type: "Ready", status: "True" }];
      const { body } = await ask("PATCH", `${NODES}/${HOST}/status`, { status: { conditions } });
      expect(body.status?.conditions?.[0]?.lastTransitionTime).toBeNull();
    });
  });

  describe.skipIf(why !== null)("an object", () => {
    test("of a node is refused with taints that are none, and with another provider's id", async () => {
      const node = async (name: string, spec: object): Promise<number> =>
        await codeOf("POST", NODES, { apiVersion: "v1", kind: "Node", metadata: { name }, spec });
      const taint = { key: "a", value: "b", effect: "NoSchedule" };
      expect(await node("tainted-1", { taints: [{ ...taint, effect: "Sometimes" }] })).toBe(422);
      expect(await node("tainted-2", { taints: [taint, { ...taint, value: "c" }] })).toBe(422);
      expect(await node("tainted-3", { taints: [taint], providerID: "x:///1" })).toBe(201);
      const other = { spec: { providerID: "x:///2" } };
      expect(await codeOf("PATCH", `${NODES}/tainted-3`, other)).toBe(422);
    });

    test("of a pod stays on its node, and needs a container", async () => {
      await aPod("placed");
      expect(await codeOf("PATCH", `${PODS}/placed`, { spec: { nodeName: "elsewhere" } })).toBe(422);
      const empty = { apiVersion: "v1", kind: "Pod", metadata: { name: "empty" }, spec: { containers: [] } };
      expect(await codeOf("POST", PODS, empty)).toBe(422);
    });

    test("is made with the rest of its name, once, and not by a dry run", async () => {
      const made = await ask("POST", NODES, {
        apiVersion: "v1",
        kind: "Node",
        metadata: { generateName: "run-" },
      });
      expect(made.body.metadata?.name).toMatch(/^run-[a-z0-9]{5}$/);
      const dry = { apiVersion: "v1", kind: "Node", metadata: { name: "dry" } };
      expect(await codeOf("POST", `${NODES}?dryRun=All`, dry)).toBe(201);
      expect(await codeOf("GET", `${NODES}/dry`)).toBe(404);
      const twice = await ask("POST", NODES, { apiVersion: "v1", kind: "Node", metadata: { name: HOST } });
      expect([twice.code, twice.body.reason]).toEqual([409, "AlreadyExists"]);
    });

    test("that tells of a node stands in the default namespace", async () => {
      const event = {
        apiVersion: "v1",
        kind: "Event",
        metadata: { name: "told" },
        involvedObject: { kind: "Node", name: HOST },
        reason: "R",
        type: "Normal",
      };
      expect(await codeOf("POST", "/api/v1/namespaces/kube-system/events", event)).toBe(422);
      expect(await codeOf("POST", "/api/v1/namespaces/default/events", event)).toBe(201);
      const query = encodeURIComponent(`involvedObject.name=${HOST},reason=R`);
      const { body } = await ask("GET", `/api/v1/events?fieldSelector=${query}`);
      expect(body.items?.map(({ metadata }) => metadata.name)).toEqual(["told"]);
    });
  });

  describe.skipIf(why !== null)("a list", () => {
    test("finds what labels and fields say, and refuses what it cannot read", async () => {
      await aPod("sel-a", { sel: "1", tier: "gold" });
      await aPod("sel-b", { sel: "1", tier: "silver" });
      await aPod("sel-c", { sel: "1" });
      const names = async (labels: string, fields = ""): Promise<string> => {
        const query = `labelSelector=${encodeURIComponent(labels)}&fieldSelector=${encodeURIComponent(fields)}`;
        const { body } = await ask("GET", `${PODS}?${query}`);
        return (body.items ?? []).map(({ metadata }) => metadata.name.slice(-1)).join("");
      };
      expect(await names("sel=1")).toBe("abc");
      expect(await names("sel=1,tier==silver")).toBe("b");
      expect(await names("sel=1,tier!=gold")).toBe("bc");
      expect(await names("sel,tier in (gold, silver),tier!=gold")).toBe("b");
      expect(await names("sel,tier notin (gold)")).toBe("bc");
      expect(await names("sel,tier")).toBe("ab");
      expect(await names("sel,!tier")).toBe("c");
      expect(await names("sel", `spec.nodeName=${HOST}`)).toBe("abc");
      expect(await names("sel", "metadata.name=sel-b,status.phase=Running")).toBe("b");
      expect(await names("sel", "status.phase!=Running")).toBe("");
      expect(await codeOf("GET", `${PODS}?fieldSelector=spec.hostname%3Dx`)).toBe(400);
      expect(await codeOf("GET", `${PODS}?labelSelector=${encodeURIComponent("a b c")}`)).toBe(400);
    });

    test("comes in pages that are one list, whatever is made meanwhile, and names no kind on its items", async () => {
      for (const name of ["page-1", "page-2", "page-3"])
        await server.client.create(RESOURCE.nodes, { metadata: { name, labels: { page: "1" } } });
      const first = await ask("GET", `${NODES}?limit=2&labelSelector=page`);
      expect(first.body.items).toHaveLength(2);
      expect(first.body.items?.[0]?.kind).toBeUndefined();
      await server.client.create(RESOURCE.nodes, { metadata: { name: "page-4", labels: { page: "1" } } });
      const rest = encodeURIComponent(first.body.metadata?.continue ?? "");
      const second = await ask("GET", `${NODES}?limit=2&labelSelector=page&continue=${rest}`);
      expect(second.body.items?.map(({ metadata }) => metadata.name)).toEqual(["page-3"]);
      expect(second.body.metadata?.continue ?? "").toBe("");
      expect(second.body.metadata?.resourceVersion).toBe(first.body.metadata?.resourceVersion);
    });
  });

  describe.skipIf(why !== null)("a watch", () => {
    /** Opens one, acts, and gives what it says until something answers `last`. */
    const heard = async (
      query: { readonly labelSelector?: string; readonly fieldSelector?: string },
      from: string,
      last: string,
      act: () => Promise<unknown> = async () => await Promise.resolve(),
    ): Promise<readonly string[]> => {
      const over = new AbortController();
      const options = { resourceVersion: from, timeoutSeconds: 30, lifeMs: LIFE_MS };
      const lines = await server.client.openWatch(RESOURCE.policies, query, options, { signal: over.signal });
      const acting = act();
      const events: string[] = [];
      for await (const line of lines) {
        const { type, object } = JSON.parse(line) as {
          readonly type: string;
          readonly object: KubeObject & { readonly code?: number };
        };
        if (type === "BOOKMARK") continue;
        events.push(`${type} ${object.code ?? object.metadata.name}`);
        if (events.at(-1) === last) break;
      }
      over.abort();
      await acting;
      return events;
    };
    const version = async (): Promise<string> =>
      (await server.client.list(RESOURCE.policies, { labelSelector: "none=such" })).resourceVersion;
    const label = async (name: string, side: string | null): Promise<unknown> =>
      await server.client.mergePatch(RESOURCE.policies, { name }, { metadata: { labels: { side } } });

    test("from a list's version misses nothing that came between", async () => {
      const from = await version();
      await server.client.create(RESOURCE.policies, {
        metadata: { name: "between", labels: { w: "1" } },
        spec: { provider: "custom" },
      } as KubeObject);
      await label("between", "a");
      const events = await heard({ labelSelector: "w" }, from, "DELETED between", async () => {
        await server.client.delete(RESOURCE.policies, { name: "between" });
      });
      expect(events).toEqual(["ADDED between", "MODIFIED between", "DELETED between"]);
    });

    test("shows what enters and leaves its selection as added and deleted, and nothing else", async () => {
      await server.client.create(RESOURCE.policies, {
        metadata: { name: "wandering" },
        spec: { provider: "custom" },
      } as KubeObject);
      const events = await heard(
        { labelSelector: "side=in" },
        await version(),
        "DELETED wandering",
        async () => {
          await label("wandering", "out");
          await label("wandering", "in");
          await label("wandering", "out");
        },
      );
      expect(events).toEqual(["ADDED wandering", "DELETED wandering"]);
    });
  });
});
