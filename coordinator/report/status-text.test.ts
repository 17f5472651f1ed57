import { describe, expect, test } from "vitest";

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { listPriceOf } from "../../shared/model/instance-types.ts";
import { epochMs } from "../../shared/model/units.ts";
import { MINUTE, NOW } from "../../test/build/now.ts";
import { EMPTY_STATUS } from "../act/moves.ts";
import { statusText } from "./status-text.ts";

const at = (ms: number): string => new Date(ms).toISOString();

describe("statusText()", () => {
  test("shows prices, offerings that pause and windows that come, and nothing that is over", () => {
    const text = statusText(
      [
        {
          name: "gpus",
          generation: 1,
          pools: [{ name: "spot", minSize: 0, maxSize: 5 }],
          status: {
            ...EMPTY_STATUS,
            pools: [
              {
                name: "spot",
                size: 1,
                ready: 1,
                booting: 0,
                usdPerHour: 3.06,
                priceSource: "policy",
                backEnd: "simulated",
                stages: [
                  { stage: "launched", medianSeconds: 30, p90Seconds: 61, machines: 4 },
                  { stage: "later-version", medianSeconds: 1, p90Seconds: 2, machines: 4 },
                ],
              },
            ],
            conditions: [
              {
                type: "GroupsMatch",
                status: "False",
                reason: "GroupMismatch",
                message: "pool spot: its group allows 5",
                lastTransitionTime: at(NOW),
              },
            ],
            offerings: [
              {
                offering: "p3.2xlarge|us-west-2a|spot",
                kind: "no-capacity",
                failures: 2,
                lastAt: at(NOW),
                until: at(NOW + MINUTE),
                detail: "none left",
              },
              {
                offering: "old|*|spot",
                kind: "no-capacity",
                failures: 1,
                lastAt: at(NOW - MINUTE),
                until: at(NOW - 1),
              },
            ],
            schedules: [{ name: "day", opens: at(NOW), closes: at(NOW + MINUTE) }],
          },
        },
      ],
      [],
      epochMs(NOW),
    );
    expect(text).toMatch(/max +\$\/h[\s\S]*5 +3\.06/);
    expect(text).toMatch(/back end[\s\S]*spot +simulated +1 /);
    expect(text).toMatch(
      /median and p90 in seconds\n +pool +launched +later-version\n +spot +30 \/ 61 +1 \/ 2\n/,
    );
    expect(text).toContain("! GroupsMatch GroupMismatch: pool spot: its group allows 5");
    expect(text).toContain(
      "paused: p3.2xlarge in us-west-2a as spot for 60 s more, no-capacity, 2 failures: none left",
    );
    expect(text).not.toContain("old");
    expect(text).toContain(`window: day from ${at(NOW)} to ${at(NOW + MINUTE)}`);
  });

  test("says what its nodes cost, and that it is unknown where one has no price", () => {
    const textOf = (cost: PolicyStatus["cost"]) => {
      const status = { ...EMPTY_STATUS, ...(cost === undefined ? {} : { cost }) };
      return statusText([{ name: "gpus", generation: 1, pools: [], status }], [], NOW);
    };
    expect(textOf({ usdPerHour: 4.2, usdPerMonthOf720Hours: 3024 })).toContain(
      "its nodes cost 4.20 USD an hour, 3024.00 in a month of 720 h",
    );
    expect(textOf({})).toMatch(/its nodes cost: unknown, .* says of which$/m);
    const priceAt = new Date(NOW - 3 * MINUTE).toISOString();
    expect(textOf({ usdPerHour: 4.2, usdPerMonthOf720Hours: 3024, priceAt })).toContain(
      "in a month of 720 h; the oldest price is from 3 min ago",
    );
    expect(textOf({ estimatedUsdPerHour: 3.5, priceAt })).toMatch(
      /its nodes cost: unknown, .*; with the catalogue's estimates it would be 3\.50 USD an hour; the oldest price is from 3 min ago$/m,
    );
    // A status is an object that others may write.
    expect(textOf({ usdPerHour: 4.2, usdPerMonthOf720Hours: 3024, priceAt: "once" })).toMatch(/720 h$/m);
    expect(textOf(undefined)).not.toContain("its nodes cost");
  });

  test("marks what a node costs by an estimate, and nothing else", () => {
    const pool = { ready: 1, booting: 0, usdPerHour: 0.9 };
    const textOf = (priceSource: string) => {
      const status = { ...EMPTY_STATUS, pools: [{ ...pool, name: "spot", priceSource }] };
      return statusText([{ name: "gpus", generation: 1, pools: [], status }], [], NOW);
    };
    const price = listPriceOf("aws", "us-west-2", "p3.2xlarge", "spot");
    expect(price.kind === "known" && textOf(price.source)).toMatch(
      / ~0\.9 [^]*~: an estimate of the catalogue/,
    );
    expect(textOf("aws spot price history")).not.toContain("~");
  });

  test("says that a cluster has no policy, and that a policy has no status", () => {
    expect(statusText([], [], epochMs(NOW))).toBe("No AutoscalingPolicy in the cluster.");
    const none = statusText([{ name: "gpus", generation: 1, pools: [], status: null }], [], epochMs(NOW));
    expect(none).toContain("no status yet");
  });
});
