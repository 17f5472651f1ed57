// The agent's page of metrics: what it counts about itself, and the families of GPU metrics that the settings ask for.
// A scrape calls no driver. The GPUs' part is made once for each cycle, by the first scrape after it.

import { readFile } from "node:fs/promises";

import type { GpuCycle } from "../../../shared/model/gpu.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { METRICS_END } from "../../../shared/runtime/exposition.ts";
import type { MetricsFormat } from "../../../shared/runtime/exposition.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { DCGM_DEFAULT_COUNTERS, parseDcgmCounters, planDcgm } from "./dcgm-counters.ts";
import { dcgmBlocks } from "./dcgm.ts";
import type { DcgmNames } from "./dcgm.ts";
import { blocksText } from "./family.ts";
import type { Block } from "./family.ts";
import { guideBlocks } from "./guide.ts";
import { healthBlocks, lastXids, sameXids } from "./health.ts";
import { createLinkRates } from "./link-rates.ts";
import { nativeBlocks } from "./native.ts";
import { nodeBlocks } from "./node-figures.ts";
import { fillOwn } from "./own.ts";
import type { AgentMetrics } from "./own.ts";
import { shownGpus, strayHolders } from "./shown.ts";
import type { Shown } from "./shown.ts";

const FAMILY_NAMES = ["native", "guide", "dcgm"] as const;

/** They are over the last minute, so that they hardly change sooner. */
const FIGURES_EACH_MS = 1_000;

export interface PageNames {
  readonly native: boolean;
  readonly guide: boolean;
  /** Null: not asked for. */
  readonly dcgm: DcgmNames | null;
}

export interface MetricsPage {
  /** Every cycle, scraped or not: one of the compatible names is a rate. */
  onCycle(cycle: GpuCycle): void;
  /** The GPUs' part, which is the same object for as long as it says the same, and the rest. */
  parts(format: MetricsFormat): Promise<readonly Buffer[]>;
}

export function createMetricsPage(options: {
  readonly own: AgentMetrics;
  readonly names: PageNames;
  readonly slowIntervalMs: Millis;
  readonly shown: () => Shown;
}): MetricsPage {
  const { own, names } = options;
  const linkRates = createLinkRates(options.slowIntervalMs);
  let figures: { readonly from: Shown; readonly text: (format: MetricsFormat) => string } | null = null;
  let made: { readonly from: Shown; readonly parts: Map<MetricsFormat, Buffer> } | null = null;
  /** Kept while the driver does not answer: it is a label, and would renew every series that stays. */
  let driver = "";

  // As bytes, outside of the heap: a text of this length for each scrape is what garbage collections are made of.
  const gpuPart = (shown: Shown, format: MetricsFormat): Buffer => {
    const { source } = shown.seen;
    if (source.state === "ready" || source.state === "no-device") driver = source.driver;
    if (made === null || !sameGpus(made.from, shown)) made = { from: shown, parts: new Map() };
    const known = made.parts.get(format);
    if (known !== undefined) return known;
    const part = Buffer.from(blocksText(gpuBlocks(shown, names, driver, linkRates.rates()), format));
    made.parts.set(format, part);
    return part;
  };

  const nodePart = (shown: Shown, format: MetricsFormat): string => {
    if (figures === null || !isFresh(figures.from, shown)) {
      const blocks = nodeBlocks(shown.node, shown.figures());
      figures = { from: shown, text: (as) => blocksText(blocks, as) };
    }
    return figures.text(format);
  };

  return {
    onCycle: (cycle) => {
      if (names.dcgm !== null) linkRates.add(cycle);
    },
    parts: async (format) => {
      const shown = options.shown();
      fillOwn(own, shown);
      const gpus = gpuPart(shown, format);
      const health = nodePart(shown, format) + blocksText(healthBlocks(shown.health.series), format);
      return [gpus, Buffer.from(health + (await own.body(format)) + METRICS_END[format])];
    },
  };
}

/**
 * What the settings ask for, with one warning that names the dcgm counters of the list that cannot be served.
 * @throws AppError settings when a family is unknown or the list of counters cannot be read.
 */
export async function readPageNames(
  settings: {
    readonly metricNames: readonly string[];
    readonly dcgmCounters: string | null;
    readonly dcgmHostnameLabel: "Hostname" | "hostname";
  },
  log: Pick<Log, "warn">,
): Promise<PageNames> {
  const { metricNames, dcgmCounters, dcgmHostnameLabel } = settings;
  const unknown = metricNames.filter((name) => !FAMILY_NAMES.some((known) => known === name));
  if (unknown.length > 0)
    throw new AppError(
      "settings",
      `there are no families of metrics called ${unknown.join(", ")}; choose of ${FAMILY_NAMES.join(", ")}`,
    );
  const names = { native: metricNames.includes("native"), guide: metricNames.includes("guide") };
  if (!metricNames.includes("dcgm")) return { ...names, dcgm: null };

  const counters =
    dcgmCounters === null
      ? DCGM_DEFAULT_COUNTERS
      : parseDcgmCounters(await readList(dcgmCounters), dcgmCounters);
  const plan = planDcgm(counters);
  if (plan.notServed.length > 0)
    log.warn(
      {
        count: plan.notServed.length,
        reason: plan.notServed.map(({ name, why }) => `${name}: ${why}`).join("; "),
      },
      "counters of the dcgm list are not served",
    );
  return { ...names, dcgm: { plan, hostnameLabel: dcgmHostnameLabel } };
}

function gpuBlocks(
  shown: Shown,
  names: PageNames,
  driver: string,
  nvlinkRates: ReadonlyMap<string, number>,
): readonly Block[] {
  const gpus = shownGpus(shown);
  const { node } = shown;
  const xids = lastXids(shown.health.xids);
  return [
    ...(names.guide ? guideBlocks(gpus, node) : []),
    ...(names.native ? nativeBlocks(gpus, { node, driver, strays: strayHolders(shown) }) : []),
    ...(names.dcgm === null ? [] : dcgmBlocks(gpus, { node, driver, xids, nvlinkRates }, names.dcgm)),
  ];
}

/** Whatever the GPUs' part is made of. */
function sameGpus(one: Shown, other: Shown): boolean {
  return (
    one.node === other.node &&
    one.seen === other.seen &&
    one.samples === other.samples &&
    one.allocation === other.allocation &&
    sameXids(one.health.xids, other.health.xids)
  );
}

function isFresh(one: Shown, now: Shown): boolean {
  return one.revision === now.revision && now.steady - one.steady < FIGURES_EACH_MS;
}

async function readList(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new AppError("settings", `the list of dcgm counters ${path} cannot be read`, { cause });
  }
}
