// Interruptions as people read them: what stands against a node and what its pods saved, and how often spot nodes of a
// pool are taken, with what follows from it for those who save their state. Pure.

import { takesNode } from "../../shared/model/interruption.ts";
import { millis } from "../../shared/model/units.ts";
import type { MeasuredRate } from "../decide/fleet/interruptions.ts";
import type { NoticeInput } from "../decide/snapshot.ts";
import { savedOf, savedText } from "./saved.ts";
import { duration, moment } from "./sentences/words.ts";

const DAY_MS = 24 * 3600_000;
/** What saving is taken to cost, since nobody knows it of a job that has not been asked. */
const SAVING_MS = 60_000;

export function noticeLines(notice: NoticeInput): readonly string[] {
  const saved = savedOf(notice.checkpoints);
  const failed = (notice.checkpoints ?? []).filter(({ result }) => result !== "saved");
  return [
    `  ${standText(notice)}`,
    ...saved.map((one) => `    ${savedText(one)}`),
    ...failed.map(({ pod, result, detail }) =>
      detail === undefined
        ? `    pod ${pod} did not save: ${result}`
        : `    pod ${pod} did not save: ${result}, ${detail}`,
    ),
  ];
}

function standText(notice: NoticeInput): string {
  const { source, kind = "termination", action, seenAt, deadline, drained, survived } = notice;
  const word = action === undefined ? source : `${source}, ${action}`;
  if (!takesNode(notice)) {
    const begins = kind === "maintenance" && deadline > seenAt ? `, begins ${moment(deadline)}` : "";
    return `hint of ${kind} (${word}), seen ${moment(seenAt)}${begins}`;
  }
  const state = survived === true ? ", survived it" : drained ? ", drained" : "";
  return `under notice (${word}), ends ${moment(deadline)}${state}`;
}

/**
 * Young's rule: what is lost by saving and what is lost by an interruption are least together when a job saves each
 * √(2 · cost of saving · time between interruptions). A job on N nodes is interrupted N times as often.
 */
export function rateText({ interruptions, nodeDays }: MeasuredRate): string {
  const perDay = interruptions / nodeDays;
  const seen = `in ${rounded(nodeDays)} node-days seen`;
  if (perDay < 0.005) return `none ${seen}`;
  const everyMs = Math.sqrt(2 * SAVING_MS * (DAY_MS / perDay));
  return `${rounded(perDay)} a node and day ${seen}; work that takes ${duration(millis(SAVING_MS))} to save is best saved every ${duration(millis(everyMs))} on one node, √N times as often on N`;
}

function rounded(value: number): string {
  return `${Math.round(value * 100) / 100}`;
}
