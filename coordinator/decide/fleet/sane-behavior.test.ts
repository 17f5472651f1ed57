import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { NOW, SECOND } from "../../../test/build/now.ts";
import { saneBehaviors } from "./sane-behavior.ts";

const at = epochMs(NOW);
const event = (time: number, nodes: number) => ({ at: time as EpochMs, nodes });

describe("saneBehaviors()", () => {
  test("forgets what cannot be read and what lies in the future, and puts the rest in order", () => {
    const made = saneBehaviors(
      {
        "p/a": {
          recommendations: [event(NOW - SECOND, 3), event(NOW - 2 * SECOND, 1), event(NOW + 1, 9)],
          ups: [event(Number.NaN, 1), event(NOW, -1), event(NOW, 2)],
          downs: [event(NOW, Infinity)],
          exempt: { good: 1, bad: Number.NaN },
        },
      },
      at,
    );
    expect(made["p/a"]).toEqual({
      recommendations: [event(NOW - 2 * SECOND, 1), event(NOW - SECOND, 3)],
      ups: [event(NOW, 2)],
      downs: [],
      exempt: { good: 1 },
    });
  });
});
