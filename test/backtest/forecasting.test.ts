// The share of bins in which a forecast was let act: after the warm-in, one yes in a bin is enough, silence is a no.

import { expect, test } from "vitest";

import type { ForecastInput, Snapshot } from "../../coordinator/decide/snapshot.ts";
import { epochMs, ratio } from "../../shared/model/units.ts";
import { BIN_MS } from "./bins.ts";
import { watched } from "./forecasting.ts";

const said = (earned: boolean): ForecastInput => ({
  gpus: 1,
  at: epochMs(0),
  confidence: ratio(1),
  earned,
});

test("bins are counted once, from the end of the warm-in on", () => {
  let input: ForecastInput | undefined;
  const { forecast, trusted } = watched({ look: () => {}, inputOf: () => input }, 2 * BIN_MS);
  const ask = (atBins: number, answer: ForecastInput | undefined): void => {
    input = answer;
    forecast.look({ at: epochMs(atBins * BIN_MS) } as Snapshot);
    expect(forecast.inputOf("p")).toBe(answer);
  };
  expect(trusted()).toBeNull();
  ask(0, said(true));
  ask(1.9, said(true));
  expect(trusted()).toBeNull();
  ask(2, said(false));
  ask(2.1, said(true));
  ask(2.2, said(false));
  ask(3, said(false));
  ask(4, undefined);
  ask(5, said(true));
  expect(trusted()).toBe(0.5);
});
