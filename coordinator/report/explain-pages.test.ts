import { describe, expect, test } from "vitest";

import type { Page } from "../../shared/runtime/admin.ts";
import { node } from "../../test/build/node.ts";
import { pod } from "../../test/build/pod.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { decide } from "../decide/decide.ts";
import { decideAndExplain } from "../decide/explained.ts";
import type { Snapshot } from "../decide/snapshot.ts";
import { createExplainPages, snapshotPieces } from "./explain-pages.ts";

const input = snapshot({ nodes: [node("n1")], pods: [pod("train")] });

function textOf(page: Page | undefined): string {
  const { body = "" } = page ?? {};
  return typeof body === "string" ? body : Array.from(body).join("");
}

function pages(leader: string | null = null) {
  let decided = 0;
  const made = createExplainPages({
    explain: (of) => {
      decided += 1;
      return decideAndExplain(of).explain;
    },
    leader: () => leader,
  });
  const keep = (of: Snapshot): void => made.keep(of, decide(of).plan);
  const at = (route: string, path: string = route): Page | undefined =>
    made.routes[route]?.(new URL(path, "http://localhost"));
  const json = (route: string, path?: string): unknown => JSON.parse(textOf(at(route, path)));
  return { made, keep, at, json, decided: () => decided };
}

describe("createExplainPages()", () => {
  test("explains a pod, a node and a pool of the last decision, and works it out once", () => {
    const { keep, json, decided } = pages();
    keep(input);
    expect(decided()).toBe(0);
    expect(json("/explain/pods/*", "/explain/pods/default/train")).toMatchObject({
      kind: "pod",
      pod: "default/train",
      answer: "here",
    });
    expect(json("/explain/nodes/*", "/explain/nodes/n1")).toMatchObject({ kind: "node", pool: "demo/spot" });
    expect(json("/explain/pools/*", "/explain/pools/demo/spot")).toMatchObject({ kind: "pool", size: 1 });
    expect(decided()).toBe(1);
    keep(input);
    json("/explain/nodes/*", "/explain/nodes/n1");
    expect(decided()).toBe(2);
  });

  test("sums the decision up without working it out again", () => {
    const { keep, json, decided } = pages();
    keep(input);
    expect(json("/explain")).toMatchObject({ kind: "summary", policies: ["demo"], nodes: 1, pods: 1 });
    expect(decided()).toBe(0);
  });

  test("says what the decision does not know, in the form of the Kubernetes API", () => {
    const { keep, at, json } = pages();
    keep(input);
    expect(at("/explain/pods/*", "/explain/pods/default/none")?.status).toBe(404);
    expect(json("/explain/pods/*", "/explain/pods/default/none")).toMatchObject({
      kind: "Status",
      code: 404,
      reason: "NotInDecision",
      message: "the last decision knows no default/none",
    });
  });

  test.each([
    ["coordinator-1_17-a3", "this replica has decided nothing; coordinator-1_17-a3 leads"],
    [null, "this replica has decided nothing yet, and nobody is known to lead"],
  ])("says who leads when it has decided nothing, or no longer: %s", (leader, message) => {
    const { made, keep, at, json } = pages(leader);
    keep(input);
    made.forget();
    for (const route of ["/explain", "/snapshot", "/explain/pods/*"]) {
      expect(at(route)?.status).toBe(503);
      expect(json(route)).toMatchObject({ kind: "Status", code: 503, message });
    }
  });

  test("gives the whole snapshot", () => {
    const { keep, at } = pages();
    keep(input);
    expect(JSON.parse(textOf(at("/snapshot")))).toEqual(input);
  });
});

describe("snapshotPieces()", () => {
  test("comes in small pieces however many pods there are", () => {
    const large = snapshot({ pods: Array.from({ length: 1_001 }, (_, index) => pod(`p${index}`)) });
    const pieces = [...snapshotPieces(large)];
    expect(JSON.parse(pieces.join(""))).toEqual(large);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(200 * 1_000);
  });
});
