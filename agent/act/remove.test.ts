import { describe, expect, test } from "vitest";

import { millis, seconds } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { CallOptions, KubeClient } from "../../shared/runtime/kube/client.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { createRemover } from "./remove.ts";

const WEB = { key: "team-a/web", namespace: "team-a", name: "web", uid: "uid-web" };

/** An API server that takes `conditionMs` for the condition, or refuses it, and answers the DELETE as told. */
function setUp(options: { conditionMs?: number; condition?: AppError; removal?: AppError } = {}) {
  const clock = createFakeClock();
  const sent: unknown[] = [];
  const { log, lines } = createLogSink();
  const client: Pick<KubeClient, "delete" | "apply"> = {
    apply: async (resource, ref, body, how, limits: CallOptions = {}) => {
      sent.push({ apply: resource.plural, ref, body, how });
      const tookMs = options.conditionMs ?? 0;
      const deadlineMs = limits.deadlineMs ?? Infinity;
      await clock.sleep(millis(Math.min(tookMs, deadlineMs)));
      if (tookMs > deadlineMs) throw new AppError("timeout", "no answer in time");
      if (options.condition !== undefined) throw options.condition;
      return body as never;
    },
    delete: async (resource, ref, how) => {
      sent.push({ delete: resource.plural, ref, how, atMs: clock.monotonic() });
      if (options.removal !== undefined) throw options.removal;
    },
  };
  const remover = createRemover({ client, clock, log });
  const remove = async (conditionWithinMs: number | null = 200) =>
    await remover(
      WEB,
      {
        graceSeconds: seconds(11),
        conditionWithinMs: conditionWithinMs === null ? null : millis(conditionWithinMs),
      },
      { signal: new AbortController().signal, deadlineMs: millis(3_000) },
    );
  return { clock, sent, lines, remove };
}

const DELETE = {
  delete: "pods",
  ref: { namespace: "team-a", name: "web" },
  how: { graceSeconds: 11, uid: "uid-web" },
};

describe("createRemover()", () => {
  test("says on the pod why it is ended, then deletes the pod that is meant with the grace that is left", async () => {
    const { sent, remove } = setUp();
    expect(await remove()).toBe("accepted");
    expect(sent).toEqual([
      {
        apply: "pods",
        ref: { namespace: "team-a", name: "web" },
        body: {
          metadata: { uid: "uid-web" },
          status: {
            conditions: [
              {
                type: "DisruptionTarget",
                status: "True",
                reason: "TerminationByGpuAutoscaler",
                message: "The machine goes before the pod's budgets let it leave.",
                lastTransitionTime: "2026-01-01T00:00:00Z",
              },
            ],
          },
        },
        how: { fieldManager: "gpu-autoscaler-agent", subresource: "status", force: true },
      },
      { ...DELETE, atMs: 0 },
    ]);
  });

  test("a condition that takes long holds the DELETE up by what it may, and the next one not at all", async () => {
    const { clock, sent, lines, remove } = setUp({ conditionMs: 5_000 });
    const first = remove();
    await clock.advance(1_000);
    expect(await first).toBe("accepted");
    await remove();
    expect(sent.slice(1)).toEqual([
      { ...DELETE, atMs: 200 },
      { ...DELETE, atMs: 1_000 },
    ]);
    expect(lines).toHaveLength(1);
  });

  test("a condition that is denied is not tried for a minute", async () => {
    const { clock, sent, remove } = setUp({ condition: new AppError("denied", "no right") });
    for (let i = 0; i < 3; i++) expect(await remove()).toBe("accepted");
    expect(sent).toHaveLength(4);
    await clock.advance(60_000);
    await remove();
    expect(sent).toHaveLength(6);
  });

  test("a condition that was tried before is not tried again", async () => {
    const { sent, remove } = setUp();
    await remove(null);
    expect(sent).toEqual([{ ...DELETE, atMs: 0 }]);
  });

  test.each([
    ["not-found", "gone"],
    ["conflict", "replaced"],
  ] as const)("a DELETE that is answered by %s finds the pod %s", async (kind, removal) => {
    const { remove } = setUp({ removal: new AppError(kind, "no") });
    expect(await remove()).toBe(removal);
  });

  test("any other refusal is the caller's", async () => {
    const { remove } = setUp({ removal: new AppError("denied", "no right") });
    await expect(remove()).rejects.toMatchObject({ kind: "denied" });
  });
});
