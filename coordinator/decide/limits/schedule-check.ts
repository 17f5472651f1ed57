// What a policy's schema cannot see about its schedules, budgets and forecast: whether a cron line, a time zone and a day
// exist, whether a window ever opens, and numbers that contradict each other. Each problem names the field, its value and
// the way out. A policy that has one does nothing, since a floor or a cap that is misread is worse than none.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import type { Schedule } from "../../../shared/contract/policy/growth.ts";
import type { DisruptionBudget } from "../../../shared/contract/policy/removal.ts";
import { parseInstant } from "../../../shared/model/instant.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { readCron } from "./cron.ts";
import { readSchedule } from "./schedule.ts";

/** Any instant does: a line that comes once comes again within the centuries that are searched. */
const LONG_AGO = epochMs(0);

export function scheduleProblems(spec: PolicySpec): readonly string[] {
  return [
    ...spec.schedules.flatMap((schedule, index) =>
      [...problemsOf(schedule, spec)].map(
        ([field, problem]) => `spec.schedules.${index}.${field}: ${problem}`,
      ),
    ),
    ...spec.disruption.budgets.flatMap((budget, index) =>
      [...problemsOfBudget(budget)].map(
        ([field, problem]) => `spec.disruption.budgets.${index}.${field}: ${problem}`,
      ),
    ),
    ...[...problemsOfForecast(spec)].map(([field, problem]) => `spec.predictive.${field}: ${problem}`),
  ];
}

type Problem = readonly [field: string, problem: string];

function* problemsOf(schedule: Schedule, spec: PolicySpec): Generator<Problem> {
  const { timeZone, start, end, from, until, targetUtilization } = schedule;
  const read = readSchedule(schedule);
  if (read.kind === "bad") {
    for (const { field, problem } of read.problems) yield [field, problem];
    return;
  }
  if (end !== undefined && end.trim() === start.trim())
    yield ["end", `${JSON.stringify(end)} is the same as start, so no window has a length; correct one`];
  else if (isNever(start, timeZone)) yield ["start", neverComes(start)];
  else if (end !== undefined && isNever(end, timeZone)) yield ["end", neverComes(end)];
  const [first, last] = [from, until].map((text) => (text === undefined ? null : parseInstant(text)));
  if (first !== null && first !== undefined && last !== null && last !== undefined && first > last)
    yield ["from", `${from} is after until ${until}, so the window never opens; correct one`];
  if (targetUtilization !== undefined && targetUtilization <= spec.scaleDownThreshold)
    yield [
      "targetUtilization",
      `${targetUtilization} is not above scaleDownThreshold ${spec.scaleDownThreshold}: a node would be added and removed in turn; raise it`,
    ];
}

function* problemsOfBudget({ schedule, timeZone }: DisruptionBudget): Generator<Problem> {
  const read = readCron(schedule ?? "* * * * *", timeZone);
  if (read.kind === "bad") yield [read.field === "timeZone" ? "timeZone" : "schedule", read.problem];
  else if (schedule !== undefined && isNever(schedule, timeZone)) yield ["schedule", neverComes(schedule)];
}

/** A forecast of another zone's days would be wrong every day. */
function* problemsOfForecast({ predictive }: PolicySpec): Generator<Problem> {
  const read = readCron("* * * * *", predictive.timeZone);
  if (read.kind === "bad") yield ["timeZone", read.problem];
  for (const [index, { date }] of predictive.calendar.entries())
    if (parseInstant(`${date}T00:00:00Z`) === null)
      yield [
        `calendar.${index}.date`,
        `${JSON.stringify(date)} is no day that exists; write one such as 2026-12-25`,
      ];
}

function isNever(pattern: string, timeZone: string): boolean {
  const read = readCron(pattern, timeZone);
  return read.kind === "read" && read.line.nextAfter(LONG_AGO) === null;
}

function neverComes(pattern: string): string {
  return `${JSON.stringify(pattern)} names no day that exists; correct the day or the month`;
}
