// Two minutes of chaos in real time with the shipped programs, by fixed seeds: over the world, where every fault can be
// played, and on a real control plane. Half hours are `npm run soak -- chaos`.

import { expect, test } from "vitest";

import { runCluster } from "../chaos/cluster/run.ts";
import { faultText } from "../chaos/fault.ts";
import { runLive } from "../chaos/live/run.ts";
import type { LiveRun } from "../chaos/live/run.ts";
import { whyNoCluster } from "../control-plane/available.ts";
import { whyNoHelm } from "../control-plane/helm.ts";

const missing = (await whyNoCluster()) ?? (await whyNoHelm());
const WORLD = { seed: 3, minutes: 1.5 };
const CLUSTER = { seed: 2, minutes: 0.5 };
const PATIENT = { timeout: 420_000 };

function expectNothingBroken({ seed, violations, faults, entries }: LiveRun): void {
  // With the list that plays it again.
  const played = violations.length === 0 ? [] : faults.map(faultText);
  expect({ seed, violations, played }).toEqual({ seed, violations: [], played: [] });
  // Something has happened that could have gone wrong.
  expect(entries.filter(({ kind }) => kind === "launch").length).toBeGreaterThan(1);
}

test("nothing that must hold is broken in a minute and a half of faults", PATIENT, async () => {
  expectNothingBroken(await runLive(WORLD.seed, WORLD.minutes));
});

test.skipIf(missing !== null)(
  "nothing that must hold is broken in half a minute of faults on a real control plane",
  PATIENT,
  async () => {
    expectNothingBroken(await runCluster(CLUSTER.seed, CLUSTER.minutes));
  },
);
