// What a driver can and cannot tell, as text: calls and fields together by what they answered, so that the few that
// did not answer are not lost among the many that did.

import type { GpuSurvey } from "../../shared/model/gpu.ts";
import { nameOf, NOT_ASKED, SUCCESS } from "../../shared/model/nvml-status.ts";
import { table } from "../../shared/runtime/table.ts";

type Section = readonly (readonly [what: string, answer: string])[];

export function surveyText(survey: GpuSurvey, width: number): readonly string[] {
  const calls: Section = survey.calls.map(({ name, exported, codes }) => [
    name,
    exported ? answerOf(codes) : "not in this library",
  ]);
  const fields: Section = survey.fields.map(({ name, id, codes }) => [
    id === null ? name : `${name}=${id}`,
    id === null && answerOf(codes) === nameOf(SUCCESS) ? "no id answers" : answerOf(codes),
  ]);
  return [textOf("CALLS", calls, width), textOf("FIELDS, EACH WITH THE ID THAT ANSWERS", fields, width)];
}

/** What answered well comes last: it is the longest and says the least. */
function textOf(title: string, section: Section, width: number): string {
  const byAnswer = Map.groupBy(section, ([, answer]) => answer);
  const well = nameOf(SUCCESS);
  const answers = [...byAnswer.keys()].filter((answer) => answer !== well);
  const parts = [...answers, ...(byAnswer.has(well) ? [well] : [])].map((answer) => {
    const names = (byAnswer.get(answer) ?? []).map(([what]) => what).join(", ");
    return `  ${answer}\n${table([[names]], { indent: "    ", width })}`;
  });
  return [title, ...parts].join("\n");
}

/** `SUCCESS (0)` when all GPUs say the same, else `SUCCESS (0) on GPU 0 1 2, GPU_IS_LOST (15) on GPU 3`. */
function answerOf(codes: readonly number[]): string {
  const gpusOf = Map.groupBy(codes.keys(), (gpu) => codes[gpu] ?? NOT_ASKED);
  const word = (code: number): string => (code === NOT_ASKED ? "not asked" : nameOf(code));
  if (gpusOf.size <= 1) return word(codes[0] ?? NOT_ASKED);
  return [...gpusOf].map(([code, gpus]) => `${word(code)} on GPU ${gpus.join(" ")}`).join(", ");
}
