// Recorded decisions once more: the same, and where a changed policy goes another way.

import { describe, expect, test } from "vitest";

import { parsePolicy } from "../../shared/contract/policy.ts";
import { epochMs } from "../../shared/model/units.ts";
import { node } from "../../test/build/node.ts";
import { NOW, SECOND } from "../../test/build/now.ts";
import { pod } from "../../test/build/pod.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { decide } from "../decide/decide.ts";
import { EMPTY_MEMORY } from "../decide/snapshot-memory.ts";
import { againText } from "./again-text.ts";
import { decideAgainOver } from "./again.ts";
import { RECORDING_FORMAT } from "./line.ts";
import { newTally } from "./read.ts";
import type { Moment } from "./read.ts";

const BUILD = { version: "1", revision: "r" };
const SPEC = policy({ pools: [pool("spot", { gpus: 8, maxSize: 5 })] });

/** One job waits from the third moment on, in a pool that may grow. */
function moments(count = 6): Moment[] {
  let memory = EMPTY_MEMORY;
  return Array.from({ length: count }, (_, index) => {
    const at = epochMs(NOW + index * 10 * SECOND);
    const seen = {
      ...snapshot({
        policies: [SPEC],
        nodes: [node("n1", { pool: "spot", gpus: 8 })],
        pods:
          index < 2
            ? []
            : [pod("waits", { gpus: 8, waitedMs: 600_000 }), pod("runs", { gpus: 8, node: "n1" })],
        memory,
      }),
      at,
    };
    const decision = decide(seen);
    ({ memory } = decision);
    const head = { format: RECORDING_FORMAT, v: 1, build: BUILD, session: "s", names: null } as const;
    return {
      at,
      number: index,
      snapshot: seen,
      plan: decision.plan,
      head,
      file: "recording-a",
      line: index + 2,
    };
  });
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function changed(fields: object) {
  const parsed = parsePolicy({ ...SPEC.spec, ...fields });
  if (parsed.kind === "invalid") throw new Error(parsed.problems.join());
  return [{ name: SPEC.name, spec: parsed.spec }];
}

describe("decideAgainOver()", () => {
  test("gives the same plans", async () => {
    const again = await decideAgainOver(each(moments()), { changed: [], build: BUILD });
    expect(again).toMatchObject({ decisions: 6, different: 0, firstDifferent: null, otherBuilds: [] });
    expect(againText(again, newTally(), [])).toContain("the same plans, byte for byte");
  });

  test("names the first plan that is not the same, and who recorded it", async () => {
    const all = moments().map((moment, index) =>
      index === 3 ? { ...moment, plan: { ...moment.plan, unplaced: [{ pod: "a/b", because: [] }] } } : moment,
    );
    const again = await decideAgainOver(each(all), { changed: [], build: { version: "2", revision: "r" } });
    expect(again).toMatchObject({
      different: 1,
      firstDifferent: { at: all[3]?.at, file: "recording-a", line: 5 },
      otherBuilds: ["1 (revision r)"],
    });
    expect(againText(again, newTally(), [])).toContain("another version may decide otherwise");
  });

  test("shows where a changed policy parts, with the reasons of both", async () => {
    const again = await decideAgainOver(each(moments()), { changed: changed({ maxNodes: 1 }), build: BUILD });
    expect(again.partings.byKind).toEqual({ "grow → hold": { partings: 1, decisions: 4 } });
    const [parting] = again.partings.first;
    expect(parting).toMatchObject({
      at: NOW + 20 * SECOND,
      until: NOW + 50 * SECOND,
      policy: SPEC.name,
      pool: "spot",
      recorded: { kind: "grow", moves: ["grow 1 → 2"] },
      now: { kind: "hold" },
    });
    expect(parting?.recorded.because.map(({ code }) => code)).toContain("pending-pods");
    expect(parting?.now.because.map(({ code }) => code)).toContain("at-maximum");
    const text = againText(again, newTally(), [SPEC.name]);
    expect(text).toContain("grow → hold: 1 time, 4 decisions");
    expect(text).toMatch(/recorded {2}grow 1 → 2: .*\n {2}now {7}hold: /);
  });

  test("by a policy that is the same parts nowhere", async () => {
    const again = await decideAgainOver(each(moments()), { changed: changed({}), build: BUILD });
    expect(again).toMatchObject({ different: 0, partings: { first: [], byKind: {}, otherReasons: 0 } });
  });

  test("holds a pool that was not recorded, and says so", async () => {
    const two = [...SPEC.spec.nodePools, { ...SPEC.spec.nodePools[0], name: "new" }];
    const again = await decideAgainOver(each(moments()), {
      changed: changed({ nodePools: two }),
      build: BUILD,
    });
    expect(again.unknownPools).toEqual([`${SPEC.name}/new`]);
  });

  test("refuses a policy that the recording does not have", async () => {
    const [own] = changed({});
    const other = own === undefined ? [] : [{ ...own, name: "other" }];
    await expect(decideAgainOver(each(moments()), { changed: other, build: BUILD })).rejects.toThrow(
      `the recording has no policy other; it has ${SPEC.name}`,
    );
  });
});
