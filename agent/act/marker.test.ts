import { describe, expect, test } from "vitest";

import { drillWords } from "../../shared/contract/drill-permit.ts";
import { readDrainState } from "../../shared/contract/node-marks.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { Node } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION, TAINT } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { NodePatcher } from "../../shared/runtime/kube/client.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { createMarker } from "./marker.ts";
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

function node(): Node {
  return {
    metadata: { name: "gpu-1", resourceVersion: "7", annotations: {} },
    status: { nodeInfo: { bootID: "boot-1" } },
  };
}

/** The drain-state in one patch. */
function stateOf(patch: unknown): DrainState | null {
  const { annotations } = (patch as { metadata: { annotations: Record<string, string> } }).metadata;
  const mark = readDrainState(annotations[NODE_ANNOTATION.drainState]);
  return mark.kind === "value" ? mark.value : null;
}

describe("createMarker()", () => {
  function setUp(options: { readonly failing?: () => AppError | null; readonly known?: Node } = {}) {
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
        const { metadata, spec } = body as {
          metadata: { annotations: Record<string, string> };
          spec?: object;
        };
        const all = { ...stored.metadata.annotations, ...metadata.annotations };
        const annotations = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
        stored = {
          ...stored,
          metadata: { ...stored.metadata, annotations },
          spec: { ...stored.spec, ...spec },
        };
        return stored as unknown as T;
      },
    };
    const stop = new AbortController();
    const { log, lines } = createLogSink();
    const marker = createMarker({
      client,
      node: "gpu-1",
      known: () => options.known,
      leaveLoadBalancers: false,
      clock,
      random: seededRandom(1),
      log,
      signal: stop.signal,
    });
    return {
      clock,
      marker,
      patches,
      stop,
      lines,
      put: (annotations: Record<string, string>) => {
        stored = { ...stored, metadata: { ...stored.metadata, annotations } };
      },
      stored: () => stored.metadata.annotations,
    };
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

  test("cordons without the taints when somebody writes the node again and again", async () => {
    let conflicts = 4;
    const { clock, marker, patches } = setUp({
      known: node(),
      failing: () => (conflicts-- > 0 ? new AppError("conflict", "the object has been modified") : null),
    });
    const wanted = marker.want(drill);
    await clock.advance(3_000);
    expect(await wanted).toBe("written");
    const [alone, whole] = patches as { metadata: object; spec: object }[];
    expect(alone?.spec).toEqual({ unschedulable: true });
    expect(alone?.metadata).not.toHaveProperty("resourceVersion");
    expect(whole).toMatchObject({ spec: { taints: [{ key: TAINT.spotInterruption }] } });
    const states = patches.map((one) => stateOf(one));
    // The cordon of the first is still known as ours.
    expect(states.map((state) => state?.cordonedByUs)).toEqual([true, true]);
  });

  test("a hint is written beside the marks, whichever is wanted first, and supersedes nobody", async () => {
    const { clock, marker, patches } = setUp();
    const wanted = marker.want(drill);
    marker.hint({ v: 1, id: "h", source: "gcp", kind: "maintenance", action: "x", seenAt: 1, at: null });
    expect(await wanted).toBe("written");
    await clock.advance(1_000);
    expect(JSON.stringify(patches)).toContain(NODE_ANNOTATION.interruptionHint);
    expect(marker.pending).toBe(false);
    marker.hint(null);
    await clock.advance(1_000);
    expect(patches.at(-1)).toMatchObject({
      metadata: { annotations: { [NODE_ANNOTATION.interruptionHint]: null } },
    });
    // The marks stay as they are wanted.
    expect(stateOf(patches.at(-1))).not.toBeNull();
  });

  test("says once a minute and not once a second that the API server is away", async () => {
    const { clock, marker, lines, stop } = setUp({ failing: () => new AppError("unavailable", "away") });
    marker.want(drill).catch(() => {}); // it ends with the process
    await clock.advance(30_000);
    expect(lines).toHaveLength(1);
    stop.abort();
  });

  test("takes the annotations of a drill that is over off once: those that are set afterwards are another drill's", async () => {
    const asked = { [NODE_ANNOTATION.interruptionWarning]: "true" };
    const { clock, marker, put, stored } = setUp();
    put(asked);
    await marker.want(null, { endDrill: drillWords(asked) });
    expect(stored()).not.toMatchObject(asked);
    put(asked);
    marker.hint({
      v: 1,
      id: "r",
      source: "aws",
      kind: "rebalance",
      action: "rebalance",
      seenAt: 1,
      at: null,
    });
    await clock.advance(100);
    expect(stored()).toMatchObject(asked);
    expect(marker.pending).toBe(false);
  });

  test("ends with the process", async () => {
    const { clock, marker, stop } = setUp({ failing: () => new AppError("unavailable", "refused") });
    const ended = marker.want(drill).catch((error: unknown) => String(error));
    await clock.advance(100);
    stop.abort(new Error("over"));
    expect(await ended).toContain("over");
  });
});
