import { describe, expect, test } from "vitest";

import { DISCOVERY } from "../../../test/world/cloud/gcp-discovery.ts";
import { ACTIONS, isComing, isEmpty, standingOf, STATUSES } from "./standing.ts";

const { currentAction, instanceStatus } = DISCOVERY.schemas["compute"]?.["ManagedInstance"]?.properties ?? {};

test("the tables have the words of Google's own description, no more and no less", () => {
  expect(Object.keys(ACTIONS).toSorted()).toEqual(currentAction?.enum?.toSorted());
  expect(Object.keys(STATUSES).toSorted()).toEqual(instanceStatus?.enum?.toSorted());
});

describe("a managed instance", () => {
  test.each([
    ["NONE", "RUNNING", "1", "RUNNING", "filled"],
    ["VERIFYING", "RUNNING", "1", "RUNNING", "filled"],
    ["CREATING", undefined, undefined, "RUNNING", "open"],
    ["CREATING_WITHOUT_RETRIES", undefined, undefined, "RUNNING", "open"],
    ["CREATING", "STAGING", "1", "RUNNING", "filled"],
    ["RECREATING", undefined, undefined, "RUNNING", "open"],
    ["RECREATING", "STOPPING", "1", "RUNNING", "ending"],
    ["RECREATING", "TERMINATED", "1", "RUNNING", "ending"],
    ["RECREATING", "RUNNING", "1", "RUNNING", "ending"],
    ["RECREATING", "PROVISIONING", "2", "RUNNING", "filled"],
    ["NONE", "STOPPING", "1", "RUNNING", "ending"],
    ["NONE", "TERMINATED", "1", "RUNNING", "ending"],
    ["DELETING", "STOPPING", "1", "DELETED", "leaving"],
    ["ABANDONING", "RUNNING", "1", "ABANDONED", "leaving"],
    ["NONE", "SUSPENDED", "1", "SUSPENDED", "aside"],
    ["NONE", "TERMINATED", "1", "STOPPED", "aside"],
    ["STOPPING", "STOPPING", "1", "STOPPED", "aside"],
    ["STARTING", "STAGING", "1", "RUNNING", "filled"],
    ["OF_A_NEW_KIND", "RUNNING", "1", "RUNNING", "filled"],
    ["NONE", "OF_A_NEW_KIND", "1", "RUNNING", "filled"],
    ["NONE", "RUNNING", "1", undefined, "filled"],
  ])("%s with %s (machine %s, meant to be %s) is %s", (action, status, id, target, standing) => {
    const instance = { currentAction: action, instanceStatus: status, id, targetStatus: target };
    expect(standingOf(instance)).toBe(standing);
  });

  test("is empty only where nothing runs, and coming only before it has booted", () => {
    const of = (id: string | undefined, status: string | undefined) => ({ id, instanceStatus: status });
    expect([of(undefined, undefined), of("1", "TERMINATED"), of("1", "STOPPED")].map(isEmpty)).toEqual([
      true,
      true,
      true,
    ]);
    expect([of("1", "STAGING"), of("1", "RUNNING"), of("1", undefined), of("1", "NEW")].map(isEmpty)).toEqual(
      [false, false, false, false],
    );
    expect(["PENDING", "PROVISIONING", "STAGING"].map((status) => isComing(of("1", status)))).toEqual([
      true,
      true,
      true,
    ]);
    expect(["RUNNING", "STOPPING", undefined].map((status) => isComing(of("1", status)))).toEqual([
      false,
      false,
      false,
    ]);
  });
});
