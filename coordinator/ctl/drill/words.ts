// A drill in words, one line for each thing that happens and a table at its end. Pure: the same events give the same
// lines. What is not known is a dash or is said to be unknown, never 0.

import type { DrainSummary } from "../../../shared/contract/drain-summary.ts";
import { EVICTION_CLASSES } from "../../../shared/model/pod.ts";
import { table } from "../../../shared/runtime/table.ts";
import { count } from "../../report/sentences/words.ts";
import type { DrillEvent, DrillReport, KeptPod } from "./events.ts";

/** Beyond this the clocks of the node and of this machine are worth a word. */
const CLOCKS_APART_S = 5;

/** `afterSeconds`: since the drill was asked for. May be several lines. */
export function eventText(event: DrillEvent, afterSeconds: number): string {
  const at = `  +${afterSeconds.toFixed(1)} s`.padEnd(12);
  switch (event.kind) {
    case "warning":
      return `note: ${event.detail}`;
    case "asked-for":
      return `Drill of node ${event.node}: as if it went at ${event.deadline}, in ${Math.round(event.leadSeconds)} s`;
    case "joined":
      return `A drill of node ${event.node} stands already${event.deadline === null ? "" : `, as if it went at ${event.deadline}`}; following it`;
    case "held":
      return `${at}the agent holds it: the node is cordoned and marked${clocks(event.clockSeconds, afterSeconds)}`;
    case "plan":
      return [`${at}${planWords(event)}`, ...event.kept.map((kept) => `${at}  ${keptWords(kept)}`)].join(
        "\n",
      );
    case "wave":
      return `${at}wave ${event.class}`;
    case "evicting":
      return `${at}  ${event.pod} is asked to leave${event.graceSeconds === null ? "" : `, with ${event.graceSeconds} s of grace`}`;
    case "gone":
      return `${at}  ${event.pod} is gone${event.tookSeconds === null ? "" : ` after ${event.tookSeconds.toFixed(1)} s`}`;
    case "blocked":
      return `${at}  ${event.pod} (${event.class}) waits: ${event.why}`;
    case "arrived":
      return `${at}  ${event.pod} (${event.class}) has come to the node`;
    case "no-answer":
      return `${at}${event.detail}`;
    case "away":
      return `${at}the API server is not heard of (${event.why}); trying again`;
    case "back":
      return `${at}the API server answers again`;
    case "report":
      return reportText(event.report);
    case "ended":
      return event.detail;
  }
}

function planWords({ pods, leaving, mode }: Extract<DrillEvent, { readonly kind: "plan" }>): string {
  const classes = EVICTION_CLASSES.filter((of) => pods[of] > 0);
  const all = classes.reduce((sum, of) => sum + pods[of], 0);
  const parts = classes.map((of) => `${pods[of]} ${of}`).join(", ");
  const together = mode === "parallel" && classes.length > 1 ? ", all classes at once" : "";
  const gone = leaving === 0 ? "" : `; ${count(leaving, "pod")} left before`;
  return all === 0 ? `no pod has to move${gone}` : `${count(all, "pod")} to move: ${parts}${together}${gone}`;
}

export function keptWords({ pod, why }: KeptPod): string {
  return `${pod} ${why}`;
}

/** The agent saw it at about the time at which we did, or the clocks are set differently. */
function clocks(clockSeconds: number, afterSeconds: number): string {
  if (clockSeconds < CLOCKS_APART_S && clockSeconds > -CLOCKS_APART_S - afterSeconds) return "";
  return `; its clock is ${Math.abs(Math.round(clockSeconds))} s ${clockSeconds > 0 ? "ahead of" : "behind"} this one`;
}

export function reportText({ node, phase, seenAt, deadline, summary, left, kept }: DrillReport): string {
  const how =
    phase === "drained"
      ? "drained"
      : `the deadline came first, ${left.length === 0 ? "with nothing left" : `with ${count(left.length, "pod")} left`}`;
  return [
    `Report of the drill of node ${node}: ${how}`,
    ...(summary === null
      ? [table([["times", "not known: the agent has written no summary"]])]
      : [table(timeRows(summary, seenAt, deadline)), ...classTable(summary)]),
    ...left.map((pod) => `  left: ${pod}`),
    ...kept.map(({ pod }) => `  kept: ${pod}`),
    `The node stays cordoned until the drill is ended: gpuasctl drill ${node} --cancel`,
  ].join("\n");
}

function timeRows(summary: DrainSummary, seenAt: string, deadline: string): readonly (readonly string[])[] {
  const { hooks } = summary;
  return [
    ["seen", seenAt],
    ["published", after(summary.publishedMs, "not stored by NATS when this was written")],
    ["marked", after(summary.markedMs, "not known")],
    ["first pod asked", after(summary.firstEvictionMs, "none")],
    ["last pod asked", after(summary.lastEvictionMs, "none")],
    ["drained", after(summary.drainedMs, "no")],
    ["deadline", deadline],
    ["evicted", `${summary.evicted}, of which ${summary.forced} forced past budgets`],
    ["left at the end", `${summary.left}, and ${summary.kept} kept where they are`],
    [
      "checkpoint hooks",
      hooks.asked === 0 ? "none" : `${hooks.asked} asked, ${hooks.saved} saved, ${hooks.failed} failed`,
    ],
  ];
}

function classTable({ classes }: DrainSummary): readonly string[] {
  const rows = EVICTION_CLASSES.flatMap((of) => {
    const row = classes[of];
    return row === undefined
      ? []
      : [
          [
            of,
            String(row.pods),
            range(row.firstMs / 1000, row.lastMs / 1000, 2),
            range(row.minGraceS, row.maxGraceS, 0),
          ],
        ];
  });
  return rows.length === 0 ? [] : [table([["class", "pods", "asked after", "grace given"], ...rows])];
}

function range(from: number, to: number, digits: number): string {
  const [a, b] = [from.toFixed(digits), to.toFixed(digits)];
  return a === b ? `${a} s` : `${a} to ${b} s`;
}

function after(ms: number | undefined, otherwise: string): string {
  return ms === undefined ? otherwise : `after ${(ms / 1000).toFixed(2)} s`;
}
