import { describe, expect, test } from "vitest";

import type { DrainState } from "../../shared/contract/node-marks.ts";
import { readDrainState } from "../../shared/contract/node-marks.ts";
import type { Node } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION, TAINT } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { NodePatcher } from "../../shared/runtime/kube/client.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { changeFor, createMarker } from "./cordon.ts";
import type { StateToWrite } from "./order.ts";

const drill: StateToWrite = {
  v: 1,
  id: "drill-gpu-1.sim.internal-t2k9x1",
  cause: "notice",
  source: "drill",
  phase: "started",
  seenAt: 1000,
  deadline: 121_000,
  replace: false,
};
const request: StateToWrite = { ...drill, id: "shrink-7", cause: "request", source: "coordinator" };
const FOREIGN_TAINT = { key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" } as const;

function node(more: { spec?: Node["spec"]; annotations?: Record<string, string> } = {}): Node {
  return {
    metadata: { name: "gpu-1", resourceVersion: "7", annotations: more.annotations ?? {} },
    spec: { taints: [FOREIGN_TAINT], ...more.spec },
    status: { nodeInfo: { bootID: "boot-1" } },
  };
}

/** The node as the change leaves it. */
function after(before: Node, wanted: StateToWrite | null): Node {
  const change = changeFor(before, wanted);
  if (change === null) return before;
  const annotations = { ...before.metadata.annotations };
  for (const [key, value] of Object.entries(change.annotations ?? {})) {
    if (value === null) delete annotations[key];
    else annotations[key] = value;
  }
  const { unschedulable = before.spec?.unschedulable, taints = before.spec?.taints } = change;
  return {
    ...before,
    metadata: { ...before.metadata, annotations },
    spec: {
      ...(unschedulable === true ? { unschedulable } : {}),
      ...(taints === undefined ? {} : { taints }),
    },
  };
}

function stateOn(marked: Node): DrainState {
  const mark = readDrainState(marked.metadata.annotations?.[NODE_ANNOTATION.drainState]);
  if (mark.kind !== "value") throw new Error(`drain-state is ${mark.kind}`);
  return mark.value;
}

describe("changeFor()", () => {
  test("a notice cordons, taints without deleting anybody, and says what it is", () => {
    const marked = after(node(), drill);
    expect(marked.spec).toEqual({
      unschedulable: true,
      taints: [FOREIGN_TAINT, { key: TAINT.spotInterruption, value: "drill-t2k9x1", effect: "NoSchedule" }],
    });
    expect(marked.metadata.annotations?.[NODE_ANNOTATION.interruptionSource]).toBe("drill");
    expect(stateOn(marked)).toEqual({ ...drill, cordonedByUs: true, bootID: "boot-1" });
  });

  test("a request has its own taint and no source", () => {
    const marked = after(node(), request);
    expect(marked.spec?.taints).toEqual([FOREIGN_TAINT, { key: TAINT.scaleDown, effect: "NoSchedule" }]);
    expect(marked.metadata.annotations?.[NODE_ANNOTATION.interruptionSource]).toBeUndefined();
  });

  test("the same marks again change nothing", () => {
    const marked = after(node(), drill);
    expect(changeFor(marked, drill)).toBeNull();
    expect(changeFor(node(), null)).toBeNull();
  });

  test("undoing leaves the node as it was", () => {
    const before = node();
    expect(after(after(before, drill), null)).toEqual(before);
  });

  test("a node that was cordoned before us stays cordoned after us", () => {
    const before = node({ spec: { unschedulable: true } });
    const marked = after(before, drill);
    expect(stateOn(marked).cordonedByUs).toBe(false);
    const undone = after(marked, null);
    expect(undone.spec?.unschedulable).toBe(true);
    expect(undone.spec?.taints).toEqual([FOREIGN_TAINT]);
  });

  test("a phase keeps the answer to who cordoned, although the node is cordoned by then", () => {
    const marked = after(after(node(), drill), { ...drill, phase: "drained" });
    expect(stateOn(marked)).toMatchObject({ phase: "drained", cordonedByUs: true });
  });

  test("a notice takes over from a request, with its cordon and without its taint", () => {
    const marked = after(after(node(), request), drill);
    expect(stateOn(marked)).toMatchObject({ id: drill.id, cordonedByUs: true });
    expect(marked.spec?.taints?.map((taint) => taint.key)).toEqual([
      FOREIGN_TAINT.key,
      TAINT.spotInterruption,
    ]);
  });

  test("the coordinator's note on a node that it retires is not ours to take off", () => {
    const note = { key: TAINT.scaleDown, value: "empty-0123456789ab", effect: "NoSchedule" } as const;
    const before = node({ spec: { unschedulable: true, taints: [FOREIGN_TAINT, note] } });
    const marked = after(before, drill);
    expect(marked.spec?.taints).toContainEqual(note);
    expect(after(marked, null)).toEqual(before);
    const asked = after(before, request);
    expect(asked.spec?.taints).toEqual([FOREIGN_TAINT, note]);
    expect(after(asked, null)).toEqual(before);
  });

  test("a refusal leaves words and nothing else, also in the place of a drain", () => {
    const reading = { gpu: "GPU-1", p95: 0.9, threshold: 0.05, detail: "busy" };
    const refused = after(after(node(), request), { ...request, phase: "refused", reading });
    expect(refused.spec).toEqual({ taints: [FOREIGN_TAINT] });
    expect(stateOn(refused)).toMatchObject({ phase: "refused", reading });
    expect(after(refused, null)).toEqual(node());
  });

  test("a cordon is left alone when our state on the node cannot be read", () => {
    const broken = node({
      spec: { unschedulable: true },
      annotations: { [NODE_ANNOTATION.drainState]: "{" },
    });
    expect(after(broken, null).spec?.unschedulable).toBe(true);
  });

  test("the taint's value is one that Kubernetes takes, whatever the id", () => {
    for (const id of ["a", "x-", `drill-${"n".repeat(253)}-${"9".repeat(90)}`, "häßlich-ü/b"]) {
      const value = after(node(), { ...drill, id }).spec?.taints?.at(-1)?.value ?? "";
      expect(value).toMatch(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
    }
  });
});

describe("createMarker()", () => {
  function setUp(options: { readonly failing?: () => AppError | null } = {}) {
    const clock = createFakeClock();
    let stored = node();
    const patches: object[] = [];
    const client: NodePatcher = {
      // The node is the only kind that a marker reads and writes.
      get: async <T>() => stored as unknown as T,
      mergePatch: async <T>(_: unknown, __: unknown, body: object) => {
        const error = options.failing?.() ?? null;
        if (error !== null) throw error;
        patches.push(body);
        const written = body as { metadata: { annotations: Record<string, string> } };
        stored = { ...stored, metadata: { ...stored.metadata, annotations: written.metadata.annotations } };
        return stored as unknown as T;
      },
    };
    const stop = new AbortController();
    const marker = createMarker({
      client,
      node: "gpu-1",
      known: () => undefined,
      clock,
      random: seededRandom(1),
      log: createLogSink().log,
      signal: stop.signal,
    });
    return { clock, marker, patches, stop };
  }

  test("writes everything in one request", async () => {
    const { marker, patches } = setUp();
    expect(await marker.want(drill)).toBe("written");
    expect(patches).toHaveLength(1);
    expect(patches[0]).toMatchObject({ metadata: { resourceVersion: "7" }, spec: { unschedulable: true } });
    expect(marker.pending).toBe(false);
  });

  test("tries again each second while the API server is away", async () => {
    let failures = 3;
    const { clock, marker, patches } = setUp({
      failing: () => (failures-- > 0 ? new AppError("unavailable", "refused") : null),
    });
    const wanted = marker.want(drill);
    await clock.advance(4_000);
    expect(await wanted).toBe("written");
    expect(patches).toHaveLength(1);
  });

  test("a newer wish takes the place of one that could not be written", async () => {
    let away = true;
    const { clock, marker, patches } = setUp({
      failing: () => (away ? new AppError("unavailable", "refused") : null),
    });
    const first = marker.want(drill);
    await clock.advance(500);
    away = false;
    const second = marker.want({ ...drill, phase: "drained" });
    expect(await first).toBe("superseded");
    expect(await second).toBe("written");
    expect(patches).toHaveLength(1);
  });

  test("ends with the process", async () => {
    const { clock, marker, stop } = setUp({ failing: () => new AppError("unavailable", "refused") });
    const ended = marker.want(drill).catch((error: unknown) => String(error));
    await clock.advance(100);
    stop.abort(new Error("over"));
    expect(await ended).toContain("over");
  });
});
