// The forecast for whoever asks: a page of the admin server with every series. The leader alone has one; others say who
// leads. Nothing is worked out before it is asked for.

import { toInstantText } from "../../shared/model/instant.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Page } from "../../shared/runtime/admin.ts";
import type { ForecastView } from "../forecast/series.ts";
import { notLeading, refusal } from "./explain-pages.ts";
import { forecastAnswer } from "./forecast-text.ts";
import type { ForecastAnswer } from "./forecast-text.ts";

export const FORECAST_PAGE = "/forecast";

export interface ForecastPage {
  /** RFC 3339. */
  readonly at: string;
  readonly series: readonly ForecastAnswer[];
}

export function createForecastPage(parts: {
  readonly views: () => readonly ForecastView[];
  readonly now: () => EpochMs;
  readonly isLeading: () => boolean;
  readonly leader: () => string | null;
}): Readonly<Record<typeof FORECAST_PAGE, () => Page>> {
  return {
    [FORECAST_PAGE]: () => {
      if (!parts.isLeading()) return refusal(503, "NotLeading", notLeading(parts.leader()));
      const answer: ForecastPage = {
        at: toInstantText(parts.now()),
        series: parts.views().map(forecastAnswer),
      };
      return { contentType: "application/json", body: `${JSON.stringify(answer, null, 2)}\n` };
    },
  };
}
