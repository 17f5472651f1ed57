import { LifecycleState } from "@aws-sdk/client-auto-scaling";
import { expect, test } from "vitest";

import { isKnownState, LIFECYCLE, standingOf } from "./lifecycle.ts";

test("the table has exactly the states of AWS's own model", () => {
  expect(Object.keys(LIFECYCLE).toSorted()).toEqual(Object.values(LifecycleState).toSorted());
});

test.each([
  ["Pending", "counted"],
  ["Pending:Wait", "counted"],
  ["InService", "counted"],
  ["ReplacingRootVolume:Wait", "counted"],
  ["Quarantined", "counted"],
  ["Standby", "aside"],
  ["EnteringStandby", "aside"],
  ["Terminating:Wait", "leaving"],
  ["Terminating:Retained", "leaving"],
  ["Detaching", "leaving"],
  ["Detached", "gone"],
  ["Terminated", "gone"],
  ["Warmed:Running", "warm"],
  ["Warmed:Terminating:Retained", "warm"],
])("%s is %s", (state, standing) => {
  expect(standingOf(state)).toBe(standing);
  expect(isKnownState(state)).toBe(true);
});

test("a state that nobody knows counts as a machine and is called unknown", () => {
  expect(standingOf("Levitating")).toBe("counted");
  expect(isKnownState("Levitating")).toBe(false);
  expect(isKnownState("constructor")).toBe(false);
});
