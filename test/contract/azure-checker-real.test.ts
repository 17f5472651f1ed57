// Whether our requests to Azure are requests to Azure in Microsoft's own eyes: each is compared with what Microsoft's Go
// clients would send. Nobody builds the checker unasked: `npm run get -- azure-checker`, and this runs from then on.

import { afterAll, beforeEach, describe, expect, test } from "vitest";

import { createAzureAccount } from "../../coordinator/cloud/azure/account.ts";
import { createAzureCalls } from "../../coordinator/cloud/azure/calls.ts";
import type { CallOptions } from "../../coordinator/cloud/group.ts";
import type { Limiter } from "../../coordinator/cloud/limiter.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { obtained } from "../tools/obtain.ts";
import { CASES, SUBSCRIPTION, WRONG } from "./azure-checker-cases.ts";
import { startAzureChecker } from "./azure-checker.ts";

const program = await obtained("azure-checker");
const checker = program === null ? null : await startAzureChecker(program);
afterAll(async () => await checker?.[Symbol.asyncDispose]());

const limiter: Pick<Limiter, "run"> = { run: async (_call, { signal }, send) => await send(signal) };
const options = (): CallOptions => ({ signal: AbortSignal.timeout(30_000), deadlineMs: millis(30_000) });

function running() {
  if (checker === null) throw new Error("the checker does not run");
  return checker;
}

describe("Microsoft's checker of requests to Azure", () => {
  beforeEach(async ({ skip }) => {
    if (checker === null) return skip("it is not here; to get it: npm run get -- azure-checker");
    // What a test that failed has left.
    await checker.verdicts();
  });

  test("knows every call of the back end as one of its own", async () => {
    const { arm, verdicts } = running();
    const calls = createAzureCalls(arm, limiter, SUBSCRIPTION);
    for (const [name, { as, send }] of Object.entries(CASES)) {
      const [sent] = await Promise.allSettled([send(calls, options())]);
      const came = (await verdicts()).map((verdict) => ({ name, as: verdict.as }));
      expect(came).toEqual([{ name, as: as ?? "" }]);
      // Whether operations are followed rightly, the SDK's own pollers show (azure-sdk.test.ts).
      expect({ name, ...sent }).toMatchObject(
        as === null ? { name, reason: { kind: "not-found" } } : { name, status: "fulfilled" },
      );
    }
  });

  test("takes all that is sent to look at groups, to grow them and to delete a machine", async () => {
    const { env, verdicts } = running();
    const made = await createAzureAccount({ subscriptionID: SUBSCRIPTION, clock: systemClock, limiter, env });
    try {
      const [set, pool] = [
        "gpu_nodes/vmscaleset/gpu-spot",
        "gpu_nodes/managedcluster/main/agentpool/pool",
      ] as const;
      const looks = await made.account.look([set, pool], options());
      expect([...looks.values()]).toMatchObject([
        { kind: "seen", state: { size: 2, version: '"1"' }, members: [{ id: "0" }, { id: "1" }] },
        { kind: "seen", state: { size: 2, version: "7" }, members: [{ id: "0" }, { id: "1" }] },
      ]);
      for (const key of [set, pool]) {
        const group = made.account.group(key);
        const seen = await group.read(options());
        await group.resize(3, seen, options());
        await group.removeInstance("1", seen, options());
      }
      const found = await verdicts();
      expect(found.filter(({ as }) => as === "")).toEqual([]);
      expect(found.map(({ as }) => as)).toEqual(
        expect.arrayContaining([
          "VirtualMachineScaleSetsClient.BeginUpdate",
          "VirtualMachineScaleSetsClient.BeginDeleteInstances",
          "AgentPoolsClient.BeginCreateOrUpdate",
          "AgentPoolsClient.BeginDeleteMachines",
        ]),
      );
    } finally {
      made.close();
    }
  });

  test("refuses what is wrong, each for its own reason", async () => {
    const { arm, verdicts } = running();
    for (const [fault, [request, said]] of Object.entries(WRONG)) {
      const [sent] = await Promise.allSettled([arm.send({ ...request, what: fault }, options())]);
      const [{ as, refused } = { as: null, refused: [] }] = await verdicts();
      expect({ fault, as, status: sent.status }).toEqual({ fault, as: "", status: "rejected" });
      if (said !== null) expect({ fault, refused }).toEqual({ fault, refused: saying(said) });
    }
  });
});

function saying(said: RegExp): unknown {
  return expect.arrayContaining([expect.stringMatching(said)]);
}
