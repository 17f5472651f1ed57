// How a look at many groups goes on when Azure is slow with one of them; what the calls themselves do is in test/contract.

import { expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import type { CallOptions } from "../group.ts";
import type { AzureCalls } from "./calls.ts";
import { createFinder } from "./find.ts";

const DEADLINE_MS = millis(7_500);

function set(name: string): unknown {
  return {
    name,
    location: "westus3",
    etag: '"1"',
    sku: { name: "Standard_ND96isr_H100_v5", capacity: 1 },
    properties: { provisioningState: "Succeeded" },
  };
}

/** Azure that takes its time, as calls see it: each of them ends by its own deadline. */
function slowAzure(clock: FakeClock, msOf: (what: string) => number): AzureCalls {
  const never = async (): Promise<never> => {
    throw new AppError("bug", "nobody asks for this");
  };
  const after = async <T>(what: string, { signal, deadlineMs }: CallOptions, answer: T): Promise<T> => {
    await clock.sleep(millis(Math.min(deadlineMs, msOf(what))), signal);
    if (msOf(what) >= deadlineMs) throw new AppError("timeout", `${what}: no answer`);
    return answer;
  };
  return {
    getScaleSet: never,
    listScaleSets: async (group, options) => await after(group, options, ["good", "bad"].map(set)),
    listMachines: async ({ name }, options) => await after(name, options, []),
    setCapacity: never,
    deleteInstances: never,
    getCluster: never,
    getAgentPool: never,
    listAgentPools: never,
    putAgentPool: never,
    deleteMachines: never,
    getOperation: never,
    listAutoscaleSettings: never,
    listPermissions: never,
  };
}

async function kinds(keys: readonly string[], msOf: (what: string) => number): Promise<readonly string[]> {
  const clock = createFakeClock();
  const finder = createFinder(slowAzure(clock, msOf), clock);
  const reading = finder.readAll(keys, { signal: new AbortController().signal, deadlineMs: DEADLINE_MS });
  let ended = false;
  void reading.finally(() => {
    ended = true;
  });
  await clock.advance(DEADLINE_MS);
  expect(ended, "all of it has one deadline").toBe(true);
  const found = await reading;
  return keys.map((key) => found.get(key)?.kind ?? "nothing");
}

test("a set whose machines do not come in time costs itself its answer, and no other", async () => {
  const keys = ["a/vmscaleset/good", "a/vmscaleset/bad"];
  expect(await kinds(keys, (what) => (what === "a" ? 5_000 : what === "bad" ? 60_000 : 10))).toEqual([
    "found",
    "failed",
  ]);
});

test("a resource group that does not answer holds up no other", async () => {
  const keys = ["a", "b"].flatMap((group) => [`${group}/vmscaleset/good`, `${group}/vmscaleset/bad`]);
  expect(await kinds(keys, (what) => (what === "a" ? 60_000 : 100))).toEqual([
    "failed",
    "failed",
    "found",
    "found",
  ]);
});
