import { describe, expect, test } from "vitest";

import { keptDetail, keptReason } from "./drain-kept.ts";
import type { DrainKind } from "./drain-window.ts";
import type { Pod } from "./kube.ts";
import { POD_ANNOTATION } from "./names.ts";
import { epochMs } from "./units.ts";

const NOW = epochMs(Date.UTC(2026, 0, 1, 12));

interface Options {
  readonly annotations?: Record<string, string>;
  readonly alone?: boolean;
  readonly kind?: DrainKind;
  readonly moveUnmanaged?: boolean;
  readonly priority?: number;
}

function reason(options: Options) {
  const { annotations = {}, alone = false, kind = "drill", moveUnmanaged = false, priority = 0 } = options;
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "web", controller: true };
  const pod: Pod = {
    metadata: { name: "web-1", annotations, ownerReferences: alone ? [] : [owner] },
    spec: { containers: [{ name: "main" }], priority },
    status: { startTime: "2026-01-01T11:00:00Z" },
  };
  return keptReason(pod, { kind, now: NOW, moveUnmanaged })?.reason ?? null;
}

describe("keptReason()", () => {
  test.each<[string, Options, string | null]>([
    ["a pod of a controller leaves", {}, null],
    ["one without stays", { alone: true }, "unmanaged"],
    ["unless the drill moves those too", { alone: true, moveUnmanaged: true }, null],
    ["which a request never does", { alone: true, moveUnmanaged: true, kind: "request" }, "unmanaged"],
    [
      "one without that says it may go leaves",
      { alone: true, annotations: { [POD_ANNOTATION.safeToEvict]: "true" } },
      null,
    ],
    ["not safe to evict stays", { annotations: { [POD_ANNOTATION.safeToEvict]: "false" } }, "refuses"],
    ["not to be disrupted stays", { annotations: { [POD_ANNOTATION.doNotDisrupt]: "true" } }, "refuses"],
    ["nor for two hours yet", { annotations: { [POD_ANNOTATION.doNotDisrupt]: "2h" } }, "refuses"],
    ["but leaves when its time is over", { annotations: { [POD_ANNOTATION.doNotDisrupt]: "60m" } }, null],
    ["or when it takes that back", { annotations: { [POD_ANNOTATION.doNotDisrupt]: "false" } }, null],
    [
      "a pod in keep mode stays",
      { annotations: { [POD_ANNOTATION.evictionMode]: "keep" }, moveUnmanaged: true },
      "keep-mode",
    ],
    ["a pod that was put there to be lost leaves", { alone: true, priority: -11 }, null],
    ["one of no importance does not", { alone: true, priority: -10 }, "unmanaged"],
    ["another mode is none", { annotations: { [POD_ANNOTATION.evictionMode]: "evict" } }, null],
  ])("%s", (_, options, expected) => {
    expect(reason(options)).toBe(expected);
    expect(reason({ ...options, kind: "real" })).toBeNull();
  });

  test("says for people what holds the pod and what would move it", () => {
    expect(keptDetail({ reason: "keep-mode" })).toContain(POD_ANNOTATION.evictionMode);
    expect(keptDetail({ reason: "refuses", annotation: "a/b" })).toContain("a/b");
    expect(keptDetail({ reason: "unmanaged" })).toContain(POD_ANNOTATION.safeToEvict);
  });
});
