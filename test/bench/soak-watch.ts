// The agent's watches of each cloud's metadata, as soak-agent.ts runs them: the shipped ones, on a clock that goes twenty
// times as fast, at the failing services of soak-metadata.ts.

import type { MetadataWatch } from "../../agent/sample/metadata/source.ts";
import { watchMetadata } from "../../agent/sample/metadata/watch.ts";
import { AGENT_SETTINGS } from "../../agent/settings.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs } from "../../shared/model/units.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { loadSettings } from "../../shared/runtime/settings.ts";
import type { Environment } from "../../shared/runtime/settings.ts";
import { hurriedClock } from "./soak-interval.ts";

export interface SoakWatches {
  /** What has come so far, by how it came out, and how often it changed what stands. */
  readonly counts: { readonly answers: number; readonly failures: number; readonly changes: number };
  /** One of them, for the page. */
  readonly shown: Pick<MetadataWatch, "health" | "cloud">;
}

/** @throws Error when the environment does not say where the services are. */
export function watchSoakMetadata(environment: Environment, node: string): SoakWatches {
  const { SOAK_SINCE: since = "", SOAK_METADATA: services = "" } = environment;
  const counts = { answers: 0, failures: 0, changes: 0 };
  const clock = hurriedClock(epochMs(Number(since)));
  const watches = services.split(",").map((service, index) => {
    const [cloud = "", url = ""] = service.split("=");
    const env = { NODE_NAME: node, GPUAS_CLOUD: cloud, GPUAS_METADATA_URL: url };
    return watchMetadata({
      settings: loadSettings(AGENT_SETTINGS, env).values,
      nodeName: node,
      ownNode: () => undefined,
      clock,
      random: seededRandom(index),
      // Each failure is a change here, and what is written is nothing of this process's memory.
      log: createLog({ level: "error", base: { program: "soak" } }),
      signal: new AbortController().signal,
      onChange: () => {
        counts.changes++;
      },
      onAnswer: (_source, outcome) => {
        if (outcome === "ok") counts.answers++;
        else counts.failures++;
      },
    });
  });
  const [shown] = watches;
  if (since === "" || shown === undefined) throw new Error("SOAK_SINCE and SOAK_METADATA say nothing");
  return { counts, shown };
}
