// The lane of what happened: one band for each kind of thing, a mark for each time. It says when; the list below the
// plots says why.

import type { Happening } from "../run.ts";
import { grouped } from "./numbers.ts";
import { HEIGHT, ticks } from "./paths.ts";
import type { Axis, Plot } from "./plot.ts";

/** With fewer columns a page has many starts: marks within one column are one. */
const COARSE = 1000;

/** Bands of the lane, from the top. */
const LANES: readonly {
  readonly label: string;
  readonly look: string;
  readonly kinds: readonly Happening["kind"][];
}[] = [
  { label: "grew", look: "line mark-grow", kinds: ["grow", "replace"] },
  { label: "shrank", look: "line mark-shrink", kinds: ["shrink", "release"] },
  { label: "notice", look: "line mark-notice", kinds: ["notice"] },
  { label: "taken", look: "line mark-lost", kinds: ["interrupted"] },
  { label: "failed", look: "line mark-failed", kinds: ["launch-failed"] },
  { label: "refused", look: "line mark-refused", kinds: ["refused"] },
];

export function lanePlot(prefix: string, happenings: readonly Happening[], axis: Axis): Plot {
  const lanes = LANES.flatMap((lane) => {
    const here = happenings.filter(({ kind }) => lane.kinds.includes(kind));
    return here.length === 0 ? [] : [{ ...lane, here }];
  });
  const band = HEIGHT / Math.max(1, lanes.length);
  const x = (ms: number): number => (ms - axis.startMs) / axis.widthMs;
  return {
    id: `${prefix}-lane`,
    title: "What happened",
    description:
      lanes.length === 0
        ? "Nothing happened."
        : `Marks over time: ${lanes.map(({ label, here }) => `${label} ${here.length}`).join(", ")}. The list below says each with its reason.`,
    heightPx: 12 + 20 * Math.max(1, lanes.length),
    scale: {
      top: 1,
      marks: lanes.map(({ label }, at) => ({ share: 1 - (at + 0.5) / lanes.length, label, line: false })),
    },
    layers: lanes.map(({ look, here }, at) => ({
      path: ticks(
        here.map(({ atMs }) => x(atMs)),
        axis.count < COARSE ? 1 : 0.2,

        Math.round(band * (at + 0.15)),
        Math.round(band * (at + 0.85)),
      ),
      look,
    })),
    keys: lanes.map(({ label, look, here }) => ({
      look,
      label,
      series: null,
      atRest: `${grouped(here.length, 0)}`,
    })),
  };
}
