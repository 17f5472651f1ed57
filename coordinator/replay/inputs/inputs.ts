// All files of a replay but the policy, read once and laid on two clocks: the workload's and the market's. The same inputs
// then meet every policy that is compared, so that nothing else differs between them.

import { dirname, isAbsolute, join } from "node:path";

import { toInstantText } from "../../../shared/model/instant.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { Dropped } from "./dropped.ts";
import { readInputFile } from "./files.ts";
import { readJobs } from "./jobs.ts";
import type { JobRow } from "./jobs.ts";
import { readCapacity, readPrices } from "./market.ts";
import type { CapacityRead, MarketPrice } from "./market.ts";
import { NO_SCENARIO, readScenarioFile } from "./scenario-file.ts";
import type { CapacityWritten, ScenarioFile } from "./scenario-file.ts";
import { readReplicas, readService, shiftedService } from "./services.ts";
import type { ServiceRead, ServiceRow } from "./services.ts";
import { lengthText } from "./times.ts";

/** What a person asks for; each goes before what the scenario file says. */
export interface InputRequest {
  readonly scenario?: string | undefined;
  readonly jobs?: string | undefined;
  readonly capacity?: string | undefined;
  /** Files, and the word `catalogue` for the product's own list. */
  readonly prices?: readonly string[] | undefined;
  readonly start?: EpochMs | undefined;
  readonly from?: Millis | undefined;
  readonly length?: Millis | undefined;
  readonly warmIn?: Millis | undefined;
  readonly drain?: Millis | undefined;
  readonly seed?: number | undefined;
}

export interface Inputs {
  readonly name: string;
  readonly seed: number;
  /** Wall clock of the workload's instant 0. */
  readonly start: EpochMs;
  readonly fromMs: Millis;
  readonly lengthMs: Millis;
  readonly warmInMs: Millis;
  readonly drainMs: Millis;
  /** How far all of the workload is known, so that a window may be shifted along it. */
  readonly workMs: Millis;
  readonly jobs: readonly JobRow[];
  readonly jobsFile: string | null;
  readonly services: readonly ServiceRow[];
  /** With the places that the scenario gives them. */
  readonly traces: readonly { readonly read: CapacityRead; readonly written: CapacityWritten | null }[];
  /** Where the market's traces end; null: there are none. */
  readonly marketMs: Millis | null;
  readonly marketStart: EpochMs;
  readonly prices: readonly MarketPrice[];
  readonly priceFiles: readonly string[];
  readonly usesCatalogue: boolean;
  readonly pricesHoldMs: Millis;
  readonly file: ScenarioFile;
  /** That the scenario names. */
  readonly policyFile: string | null;
  readonly dropped: readonly Dropped[];
  readonly notes: readonly string[];
}

/** The product's own list of prices. */
export const CATALOGUE = "catalogue";
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const PRICES_HOLD_MS = millis(31 * DAY_MS);

/** @throws AppError bad-input that names file, line or field, value and way out. */
export async function readInputs(request: InputRequest): Promise<Inputs> {
  const { scenario } = request;
  const file =
    scenario === undefined ? NO_SCENARIO : readScenarioFile(await readInputFile(scenario), scenario);
  const beside = (path: string): string =>
    scenario === undefined || isAbsolute(path) ? path : join(dirname(scenario), path);
  const fromFile = (path: string | undefined): string | undefined =>
    path === undefined ? path : beside(path);

  // 1. Work.
  const jobsFile = request.jobs ?? fromFile(file.jobs);
  const jobs = jobsFile === undefined ? null : readJobs(await readInputFile(jobsFile), jobsFile);
  const services: ServiceRead[] = [];
  for (const service of file.services) services.push(await readService(service, beside(service.file)));
  const replicas = fromFile(file.replicas);
  if (replicas !== undefined) services.push(readReplicas(await readInputFile(replicas), replicas));
  if (jobs === null && services.length === 0)
    throw new AppError(
      "bad-input",
      "there is no work to play: give --jobs FILE, or jobs, services or replicas in the scenario",
    );
  const dated = [jobs?.start ?? null, ...services.map(({ start }) => start)].filter((at) => at !== null);
  const start =
    request.start ?? file.start ?? (dated.length === 0 ? undefined : (Math.min(...dated) as EpochMs));
  if (start === undefined)
    throw new AppError(
      "bad-input",
      `start: nobody says at which wall clock and time zone second 0 of ${jobsFile ?? "the load"} is, and schedules and prices need it; give --start 2026-03-02T00:00:00+01:00, or start in the scenario`,
    );
  const shiftOf = (own: EpochMs | null, what: string): number => {
    const by = own === null ? 0 : own - start;
    if (by >= 0) return by;
    throw new AppError(
      "bad-input",
      `start: ${toInstantText(start)} lies after the first row of ${what}; set an earlier start and cut by from`,
    );
  };
  const jobsBy = shiftOf(jobs?.start ?? null, jobsFile ?? "");
  const workMs = Math.max(
    jobs === null ? 0 : jobs.spanMs + jobsBy,
    ...services.map((read) => read.spanMs + shiftOf(read.start, read.services[0]?.where ?? "")),
  );

  // 2. The window.
  const fromMs = request.from ?? file.from ?? millis(0);
  const lengthMs = request.length ?? file.length ?? millis(Math.max(0, wholeMinutes(workMs - fromMs)));
  if (request.length === 0 || file.length === 0)
    throw new AppError("bad-input", "length: 0 s leave nothing to play; set a longer one, or leave it out");
  if (lengthMs === 0 || fromMs >= workMs + 1)
    throw new AppError(
      "bad-input",
      `from and length: the work ends ${workMs / 1000} s after its start, and nothing of it is left from ${fromMs / 1000} s on; choose an earlier from`,
    );
  const warmInMs = request.warmIn ?? file.warmIn ?? millis(lengthMs >= 7 * DAY_MS ? DAY_MS : 0);
  for (const read of services)
    checkSeries(read, shiftOf(read.start, read.services[0]?.where ?? ""), fromMs, fromMs + lengthMs);
  const drainMs = request.drain ?? file.drain ?? millis(Math.min(DAY_MS, lengthMs));
  if (warmInMs >= lengthMs)
    throw new AppError("bad-input", `warmIn: ${warmInMs / 1000} s leave nothing of length; shorten it`);

  // 3. The market.
  // Second 0 of the market is where the window begins, unless the scenario dates it.
  const marketStart = file.marketStart ?? epochMs(start + fromMs);
  const traces = await readTraces(request.capacity, file, beside);
  const ends = traces.map(({ read }) => read.steps.at(-1)?.atMs ?? 0);
  const marketMs = traces.length === 0 ? null : (file.capacityLength ?? millis(Math.min(...ends)));
  const listed = request.prices ?? (file.prices === undefined ? [] : [file.prices].flat());
  const priceFiles = listed
    .filter((path) => path !== CATALOGUE)
    .map((path) => (request.prices === undefined ? beside(path) : path));
  const prices: MarketPrice[] = [];
  for (const path of priceFiles) prices.push(...readPrices(await readInputFile(path), path, marketStart));
  return {
    name: file.name ?? scenario ?? jobsFile ?? "replay",
    seed: request.seed ?? file.seed ?? 1,
    start,
    fromMs,
    lengthMs,
    warmInMs,
    drainMs,
    workMs: millis(
      Math.min(
        workMs,
        ...services.flatMap(({ series, start: own, services: [first] }) =>
          series === null ? [] : [series.toMs + shiftOf(own, first?.where ?? "")],
        ),
      ),
    ),
    jobs: (jobs?.jobs ?? []).map((job) =>
      jobsBy === 0
        ? job
        : {
            ...job,
            arrivalMs: job.arrivalMs + jobsBy,
          },
    ),
    jobsFile: jobsFile ?? null,
    services: services.flatMap((read) =>
      read.services.map((service) => shiftedService(service, shiftOf(read.start, service.where))),
    ),
    traces,
    marketMs,
    marketStart,
    priceFiles,
    file,
    policyFile: fromFile(file.policy) ?? null,
    prices: prices.toSorted((one, other) => one.atMs - other.atMs),
    usesCatalogue: listed.length === 0 || listed.includes(CATALOGUE),
    pricesHoldMs: file.pricesHold ?? PRICES_HOLD_MS,
    dropped: jobs?.dropped ?? [],
    notes: [
      ...(jobs?.notes ?? []),
      ...services.flatMap(({ notes }) => notes),
      ...(fromMs + lengthMs <= workMs + MINUTE_MS
        ? []
        : [`The files have work up to ${lengthText(workMs)} after its start; after that nothing new comes.`]),
    ],
  };
}

/** From the flag every trace of the file; from the scenario those that it lists. */
async function readTraces(
  given: string | undefined,
  { capacity }: ScenarioFile,
  beside: (path: string) => string,
): Promise<Inputs["traces"]> {
  if (given !== undefined)
    return readCapacity(await readInputFile(given), given).map((read) => ({ read, written: null }));
  const files = new Map<string, readonly CapacityRead[]>();
  const traces: Inputs["traces"][number][] = [];
  for (const [at, written] of capacity.entries()) {
    const path = beside(written.file);
    const all = files.get(path) ?? readCapacity(await readInputFile(path), path);
    files.set(path, all);
    const read = all.find(({ id }) => id === written.trace);
    if (read === undefined)
      throw new AppError(
        "bad-input",
        `capacity.${at}.trace of the scenario: ${path} has no trace ${written.trace}; it has ${all
          .map(({ id }) => id)
          .slice(0, 20)
          .join(", ")}`,
      );
    traces.push({ read, written });
  }
  return traces;
}

/** Load that a series does not say is unknown, not zero. @throws AppError bad-input. */
function checkSeries(
  { series, services }: ServiceRead,
  shiftMs: number,
  fromMs: number,
  endMs: number,
): void {
  if (series === null) return;
  const begins = series.fromMs + shiftMs;
  const ends = series.toMs + shiftMs;
  // A window that nobody set ends at the next whole minute.
  if (begins <= fromMs && endMs <= ends + MINUTE_MS) return;
  const [service] = services;
  throw new AppError(
    "bad-input",
    `${service?.where ?? "services"}, ${service?.name ?? ""}: the series is known from ${lengthText(begins)} to ${lengthText(ends)} after the start of the work, and played is from ${lengthText(fromMs)} to ${lengthText(endMs)}; set from and length within it, or add rows`,
  );
}

/** Up, so that the last arrival still lies within. */
function wholeMinutes(ms: number): number {
  return (Math.floor(ms / MINUTE_MS) + 1) * MINUTE_MS;
}
