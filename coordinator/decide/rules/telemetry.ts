// Nothing goes for idleness on readings that are missing, old or full of gaps: unknown is not idle.

import { freshness } from "../fleet/fresh.ts";
import type { Rule } from "../rule.ts";

export const telemetry: Rule = {
  name: "telemetry",
  veto: ({ state, cause }, { packing }) => {
    if (cause.kind !== "idle") return null;
    const node = state.name;
    const fresh = freshness(state.node.telemetry, packing.fleet.at);
    switch (fresh.kind) {
      case "fresh":
        return null;
      case "unknown":
        return { code: "telemetry-unknown", node };
      case "stale":
        return { code: "telemetry-stale", node, ageMs: fresh.ageMs };
      case "thin":
        return { code: "telemetry-thin", node, coverage: fresh.coverage };
    }
  },
};
