// A few hours of faults in virtual time for every change; thousands of them are `npm run bench -- chaos`. That a
// run is the same for the same seed is what makes a failure worth anything.

import { expect, test } from "vitest";

import { faultText } from "../fault.ts";
import { runHours } from "./run.ts";

const HOURS = 2;
/** A part of that on a machine of its own; others run tests beside it. */
const PATIENT = { timeout: 90_000 };

test.each([11, 13])("nothing that must hold is broken in two hours of seed %i", PATIENT, async (seed) => {
  const { violations, faults, entries } = await runHours(seed, HOURS);
  // With the list that plays it again.
  const played = violations.length === 0 ? [] : faults.map(faultText);
  expect({ seed, violations, played }).toEqual({ seed, violations: [], played: [] });
  // Something has happened that could have gone wrong.
  expect(entries.filter(({ kind }) => kind === "write").length).toBeGreaterThan(3);
});

test("the same seed gives the same run, entry by entry", PATIENT, async () => {
  const [one, other] = [await runHours(7, 0.3), await runHours(7, 0.3)];
  expect(other.entries).toEqual(one.entries);
});
