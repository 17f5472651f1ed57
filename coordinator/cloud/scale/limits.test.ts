import { describe, expect, test } from "vitest";

import type { NodePool } from "../../../shared/model/kube.ts";
import { GROUP_ANNOTATION } from "../../../shared/model/names.ts";
import { cappedNoteOf, cappedPatch, givenBackPatch } from "./limits.ts";
import type { LimitsPatch } from "./limits.ts";

type Limits = Readonly<Record<string, string | number>>;

function aPool(limits?: Limits, annotations: Readonly<Record<string, string>> = {}): NodePool {
  return { metadata: { name: "gpu", annotations }, spec: limits === undefined ? {} : { limits } };
}

/** As a server merges it. */
function merged({ metadata, spec }: NodePool, patch: LimitsPatch | null): NodePool {
  const merge = <V>(into: Readonly<Record<string, V>> = {}, by: Readonly<Record<string, V | null>> = {}) =>
    Object.fromEntries(
      Object.entries({ ...into, ...by }).flatMap(([key, value]) =>
        value === null ? [] : [[key, value as V]],
      ),
    );
  return {
    metadata: { ...metadata, annotations: merge(metadata.annotations, patch?.annotations) },
    spec: { ...spec, limits: merge(spec?.limits, patch?.limits) },
  };
}

const held = (pool: NodePool, nodes: number, gpus?: Readonly<Record<string, number>>): NodePool =>
  merged(pool, cappedPatch(pool, { policy: "gpus", nodes, ...(gpus === undefined ? {} : { gpus }) }));
const given = (pool: NodePool): NodePool => merged(pool, givenBackPatch(pool));

describe("cappedPatch()", () => {
  test("sets a limit where there is none, lowers a higher one, and leaves others alone", () => {
    expect(held(aPool(), 4).spec?.limits).toEqual({ nodes: "4" });
    expect(held(aPool({ nodes: "10", cpu: "100" }), 4).spec?.limits).toEqual({ nodes: "4", cpu: "100" });
    expect(held(aPool({ nodes: 10 }), 0).spec?.limits).toEqual({ nodes: "0" });
  });

  test("sets none above what stood there, and nothing at all when all stands", () => {
    expect(cappedPatch(aPool({ nodes: "3" }), { policy: "gpus", nodes: 4 })).toBeNull();
    const pool = held(aPool({ nodes: "10" }), 4);
    expect(cappedPatch(pool, { policy: "gpus", nodes: 4 })).toBeNull();
  });

  test("is raised again, up to what stood there", () => {
    const pool = held(aPool({ nodes: "6" }), 4);
    expect(held(pool, 5).spec?.limits).toEqual({ nodes: "5" });
    const all = held(pool, 9);
    expect(all.spec?.limits).toEqual({ nodes: "6" });
    expect(all.metadata.annotations).toEqual({});
  });

  test("takes what somebody sets meanwhile for what they want", () => {
    const pool = held(aPool({ nodes: "10" }), 4);
    const theirs: NodePool = { ...pool, spec: { limits: { nodes: "2" } } };
    expect(held(theirs, 4).spec?.limits).toEqual({ nodes: "2" });
    expect(given(held({ ...pool, spec: { limits: { nodes: "8" } } }, 4)).spec?.limits).toEqual({
      nodes: "8",
    });
    expect(given(held({ ...pool, spec: {} }, 4)).spec?.limits).toEqual({});
  });

  test("holds GPUs beside nodes, and gives them back once their number is not known", () => {
    const gpu = "nvidia.com/gpu";
    const pool = held(aPool({ [gpu]: "64" }), 4, { [gpu]: 32 });
    expect(pool.spec?.limits).toEqual({ nodes: "4", [gpu]: "32" });
    expect(held(pool, 4).spec?.limits).toEqual({ nodes: "4", [gpu]: "64" });
  });

  test.each(["10", "10.0", "1e1", "10000m"])("reads %s as an amount", (nodes) => {
    expect(cappedPatch(aPool({ nodes }), { policy: "gpus", nodes: 10 })).toBeNull();
    expect(held(aPool({ nodes }), 9).spec?.limits).toEqual({ nodes: "9" });
  });

  test("leaves a limit that cannot be read, and begins anew over a note that cannot be", () => {
    expect(cappedPatch(aPool({ nodes: "many" }), { policy: "gpus", nodes: 4 })).toBeNull();
    const pool = held(aPool({ nodes: "10" }, { [GROUP_ANNOTATION.limitBefore]: "{" }), 4);
    expect(cappedNoteOf(pool)).toEqual({ policy: "gpus", limits: { nodes: { before: "10", set: "4" } } });
  });

  test("is noted for the policy that asks now", () => {
    const pool = held(aPool({ nodes: "10" }), 4);
    const other = merged(pool, cappedPatch(pool, { policy: "other", nodes: 4 }));
    expect(cappedNoteOf(other)).toEqual({ policy: "other", limits: { nodes: { before: "10", set: "4" } } });
  });
});

describe("givenBackPatch()", () => {
  test.each([
    ["a higher limit", { nodes: "10", cpu: "1" }],
    ["no limit", { cpu: "1" }],
  ])("puts back %s, and takes the note away", (_, limits: Limits) => {
    const pool = given(held(aPool(limits), 4));
    expect(pool.spec?.limits).toEqual(limits);
    expect(pool.metadata.annotations).toEqual({});
  });

  test("leaves what somebody has set since", () => {
    const pool = held(aPool({ nodes: "10" }), 4);
    expect(given({ ...pool, spec: { limits: { nodes: "7" } } }).spec?.limits).toEqual({ nodes: "7" });
  });

  test("takes a note away that cannot be read, and is nothing where there is none", () => {
    const pool = aPool({ nodes: "10" }, { [GROUP_ANNOTATION.limitBefore]: "{" });
    expect(given(pool)).toEqual(aPool({ nodes: "10" }));
    expect(givenBackPatch(aPool({ nodes: "10" }))).toBeNull();
  });
});
