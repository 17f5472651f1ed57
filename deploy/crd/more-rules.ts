// What the API server holds beside the parser's rules across fields: as much of schedules as CEL can see (the rest is
// coordinator/decide/limits/schedule-check.ts, which reads cron lines with a library), and what may not change once it
// stands, which a reader of one state cannot see at all.

import { said } from "./rules.ts";
import type { CelRule } from "./rules.ts";

export type MoreRule =
  | "cron-has-five-fields"
  | "zone-exists"
  | "window-has-length"
  | "window-opens"
  | "target-above-idle"
  | "day-exists"
  | "capacity-type-stays";

const CRON_LINES = ["schedules[].start", "schedules[].end", "disruption.budgets[].schedule"];
const ZONES = ["schedules[].timeZone", "disruption.budgets[].timeZone", "predictive.timeZone"];

export const MORE_RULES: Readonly<Record<MoreRule, readonly CelRule[]>> = {
  "cron-has-five-fields": CRON_LINES.map((at) => ({
    at,
    // Or a name such as @daily. What stands in the fields is read by the coordinator.
    rule: "self.matches('^\\\\s*(@[A-Za-z]+|[0-9A-Za-z*?,/#+-]+(\\\\s+[0-9A-Za-z*?,/#+-]+){4})\\\\s*$')",
    message: 'is no cron line of five fields such as "30 8 * * 1-5"',
    messageExpression: said('"%s" is no cron line of five fields such as "30 8 * * 1-5"', "self"),
  })),
  // Where the server knows no such zone the expression fails, which refuses the policy with the plain message.
  "zone-exists": ZONES.map((at) => ({
    at,
    rule: "timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
    message: "is no time zone that is known here; write an IANA name such as Europe/Vienna or UTC",
  })),
  "day-exists": [
    {
      at: "predictive.calendar[].date",
      // A day that no calendar has fails the expression, or comes out as another one.
      rule: "string(timestamp(self + 'T00:00:00Z')).startsWith(self)",
      message: "is no day that exists; write one such as 2026-12-25",
    },
  ],
  "window-has-length": [
    {
      at: "schedules[]",
      fieldPath: ".end",
      rule: "!has(self.end) || self.end.trim() != self.start.trim()",
      message: "is the same as start, so no window has a length; correct one",
    },
  ],
  "window-opens": [
    {
      at: "schedules[]",
      fieldPath: ".from",
      rule: "!has(self.from) || !has(self.until) || self.from <= self.until",
      message: "is after until, so the window never opens; correct one",
      messageExpression: said(
        "%s is after until %s, so the window never opens; correct one",
        "self.from",
        "self.until",
      ),
    },
  ],
  "target-above-idle": [
    {
      at: "",
      fieldPath: ".schedules",
      rule: "self.schedules.all(s, !has(s.targetUtilization) || s.targetUtilization > self.scaleDownThreshold)",
      message:
        "targetUtilization of one is not above scaleDownThreshold: a node would be added and removed in turn; raise it",
      messageExpression: said(
        "targetUtilization of %s is not above scaleDownThreshold %s: a node would be added and removed in turn; raise it",
        "self.schedules.filter(s, has(s.targetUtilization) && s.targetUtilization <= self.scaleDownThreshold)[0].name",
        "string(self.scaleDownThreshold)",
      ),
    },
  ],
  "capacity-type-stays": [
    {
      at: "nodePools[].capacityType",
      rule: "self == oldSelf",
      message:
        "a pool keeps its capacityType, by which its nodes are counted and kept; take the pool out and add one with another name",
      messageExpression: said(
        "a pool keeps its capacityType %s, by which its nodes are counted and kept; for %s capacity add a pool with another name",
        "oldSelf",
        "self",
      ),
    },
  ],
};
