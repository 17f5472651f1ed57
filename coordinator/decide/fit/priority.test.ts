import { expect, test } from "vitest";

import { contextOf, place, podWith } from "../../../test/build/place.ts";
import { priority } from "./priority.ts";

test("priority says what the packer knows, and nothing where it knows nothing", () => {
  const low = podWith("low", { priority: -1 });
  const high = podWith("high", { priority: 9 });
  const context = contextOf([low, high], [], {
    rankOf: (pod) => (pod.priority < 0 ? { code: "outranked", priority: 9 } : null),
  });
  expect(priority.refusal(low, place(), context)).toEqual({ code: "outranked", priority: 9 });
  expect(priority.refusal(high, place(), context)).toBeNull();
  expect(priority.refusal(low, place(), contextOf([low]))).toBeNull();
});
