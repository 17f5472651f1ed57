// What people type after `gpuasctl replay` and `gpuasctl compare`, as a value. These words take files and write files, so
// their flags are their own. It checks the form alone; files are opened by whoever reads them.

import { parseInstant } from "../../../shared/model/instant.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { parseDuration } from "../../../shared/runtime/settings-values.ts";
import type { InputRequest } from "../../replay/inputs/inputs.ts";
import { readFlags } from "../flags.ts";

export const REPLAY_USAGE = `usage:
  gpuasctl replay [--policy FILE]... (--jobs FILE | --scenario FILE) [--capacity FILE] [--prices FILE | catalogue]...
                  [--offsets N] [--seed N] [--html FILE] [--csv FILE] [--json FILE] [--explain T] [-o text | json | csv]
  gpuasctl replay --recording DIR | FILE [--policy FILE] [--as-jobs FILE | --anonymise DIR] [-o json]
  gpuasctl compare FILE FILE... (--jobs FILE | --scenario FILE), and what replay takes but --policy and --explain

words:
  replay   plays work, capacity and prices from files to a policy as it stands, in virtual time; needs no cluster.
           With --recording: decides again what a coordinator has recorded
  compare  the same for several policies side by side, and where and why they part

options:
  --policy FILE              AutoscalingPolicy documents as they are applied (else what the scenario names);
                             those of several files are in force together, as in one cluster
  --jobs FILE                CSV: job_id, arrival_s or arrival, duration_s, gpus, …
  --scenario FILE            YAML or JSON that ties the files together; what is given here goes before it
  --capacity FILE            CSV: t_s, available, and trace_id (a pool) or instance_type, zone and tier
  --prices FILE              CSV: from or t_s, region, instance_type, tier, usd_per_hour; "catalogue": the product's list
  --start INSTANT            wall clock of second 0 of the work, with its time zone (2026-03-02T00:00:00+01:00)
  --from, --length, --warm-in, --drain DURATION
                             the window of the work that is played; figures count after the warm-in
  --offsets N, --seed N      from so many starts (1), drawn by the seed (1)
  --workers N                threads (one for each processor); 0: none
  --explain T                the decision at that moment: an instant, or a duration since the window began
  --html FILE                one page with plots, which a browser opens from disk
  --csv FILE, --json FILE    each run in a row; everything as data
  -o, --output text | json | csv
  --recording DIR            replay: of a coordinator, or single files of it
  --as-jobs FILE             replay: the recorded work as a file for --jobs (- for stdout)
  --anonymise DIR            replay: the recording once more, without names`;

interface Outputs {
  readonly form: "text" | "json" | "csv";
  readonly csv: string | undefined;
  readonly jsonFile: string | undefined;
  readonly html: string | undefined;
}

export interface PlayOptions extends Outputs {
  readonly request: InputRequest;
  readonly offsets: number;
  /** Undefined: one for each processor. */
  readonly workers: number | undefined;
}

/** Since the window began, or an instant. */
export type Moment =
  | { readonly kind: "since"; readonly ms: Millis }
  | { readonly kind: "instant"; readonly at: EpochMs };

export type ReplayCommand =
  | ({
      readonly word: "replay";
      readonly from: "files";
      /** Empty: what the scenario names. */
      readonly policies: readonly string[];
      readonly explain: Moment | null;
    } & PlayOptions)
  | {
      readonly word: "replay";
      readonly from: "recording";
      readonly recording: readonly string[];
      readonly policies: readonly string[];
      readonly asJobs: string | undefined;
      readonly anonymise: string | undefined;
      readonly form: "text" | "json";
    }
  | ({ readonly word: "compare"; readonly policies: readonly string[] } & PlayOptions)
  | { readonly word: "replay-help" };

export function isReplayWord(word: string | undefined): boolean {
  return word === "replay" || word === "compare";
}

/** `argv` begins with the word. @throws AppError settings that says what to type instead. */
export function readReplayCommand(argv: readonly string[]): ReplayCommand {
  const { values, positionals } = parsed(argv);
  const [word, ...names] = positionals;
  if (values.help === true) return { word: "replay-help" };
  if (word === "compare") {
    if (names.length < 2)
      throw wrong(`compare takes at least two policy files, got ${names.join(" ") || "none"}`);
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) throw wrong(`compare takes different files, got ${twice} twice`);
    refuse("compare", values, ["policy", "explain", "recording", "as-jobs", "anonymise"]);
    return { word, policies: names, ...playOptions(values) };
  }
  if (names.length > 0)
    throw wrong(`replay takes no name, got ${names.join(" ")}; policies are given by --policy`);
  const { policy: policies = [], recording = [] } = values;
  if (recording.length > 0) {
    refuse("replay --recording", values, FILE_FLAGS);
    const { "as-jobs": asJobs, anonymise, output } = values;
    if (output === "csv")
      throw wrong("replay --recording has no --output csv; --as-jobs writes the work as CSV");
    if (asJobs !== undefined && anonymise !== undefined)
      throw wrong("replay --recording takes --as-jobs or --anonymise, not both");
    const form = formOf(output) === "json" ? "json" : "text";
    return { word: "replay", from: "recording", recording, policies, asJobs, anonymise, form };
  }
  refuse("replay without --recording", values, ["as-jobs", "anonymise"]);
  const explain = values.explain === undefined ? null : momentOf(values.explain);
  const whole = ["offsets", "html", "csv"] as const;
  if (explain !== null && whole.some((flag) => values[flag] !== undefined))
    throw wrong(
      "--explain plays the first start up to that moment, so it takes no --offsets, --html or --csv",
    );
  return { word: "replay", from: "files", policies, explain, ...playOptions(values) };
}

type Values = ReturnType<typeof parsed>["values"];

const FILE_FLAGS = [
  "jobs",
  "scenario",
  "capacity",
  "prices",
  "start",
  "from",
  "length",
  "warm-in",
  "drain",
  "offsets",
  "seed",
  "workers",
  "explain",
  "html",
  "csv",
  "json",
];

const FLAGS = {
  policy: { type: "string", multiple: true },
  jobs: { type: "string" },
  scenario: { type: "string" },
  capacity: { type: "string" },
  prices: { type: "string", multiple: true },
  start: { type: "string" },
  from: { type: "string" },
  length: { type: "string" },
  "warm-in": { type: "string" },
  drain: { type: "string" },
  offsets: { type: "string" },
  seed: { type: "string" },
  workers: { type: "string" },
  explain: { type: "string" },
  html: { type: "string" },
  csv: { type: "string" },
  json: { type: "string" },
  output: { type: "string", short: "o" },
  recording: { type: "string", multiple: true },
  "as-jobs": { type: "string" },
  anonymise: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

function parsed(argv: readonly string[]) {
  return readFlags(argv, FLAGS, wrong);
}

function playOptions(values: Values): PlayOptions {
  const { scenario, jobs, capacity, prices, csv, json, html, output } = values;
  if (scenario === undefined && jobs === undefined)
    throw wrong("there is no work to play: give --jobs FILE or --scenario FILE");
  return {
    request: {
      scenario,
      jobs,
      capacity,
      prices,
      start: values.start === undefined ? undefined : startOf(values.start),
      from: durationOf("from", values.from),
      length: durationOf("length", values.length),
      warmIn: durationOf("warm-in", values["warm-in"]),
      drain: durationOf("drain", values.drain),
      seed: numberOf("seed", values.seed, 0),
    },
    offsets: numberOf("offsets", values.offsets, 1) ?? 1,
    workers: numberOf("workers", values.workers, 0),
    csv,
    jsonFile: json,
    html,
    form: formOf(output),
  };
}

function formOf(output: string | undefined): Outputs["form"] {
  if (output === undefined || output === "text" || output === "json" || output === "csv")
    return output ?? "text";
  throw wrong(`--output ${output} is not known; there are text, json and csv`);
}

function refuse(what: string, values: Values, flags: readonly string[]): void {
  const given = flags.find((flag) => values[flag as keyof Values] !== undefined);
  if (given !== undefined) throw wrong(`${what} takes no --${given}`);
}

function startOf(text: string): EpochMs {
  const at = parseInstant(text);
  if (at === null)
    throw wrong(
      `--start takes an instant with its time zone, such as 2026-03-02T00:00:00+01:00, got ${text}`,
    );
  return at;
}

function momentOf(text: string): Moment {
  const at = parseInstant(text);
  if (at !== null) return { kind: "instant", at };
  const ms = parseDuration(text);
  if (ms === null)
    throw wrong(`--explain takes an instant with its time zone, or a duration such as 3d4h, got ${text}`);
  return { kind: "since", ms };
}

function durationOf(flag: string, text: string | undefined): Millis | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === null) throw wrong(`--${flag} takes a duration such as 12h or 7d, got ${text}`);
  return ms;
}

function numberOf(flag: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least)
    throw wrong(`--${flag} takes a whole number from ${least} on, got ${text}`);
  return value;
}

function wrong(message: string): AppError {
  return new AppError("settings", `${message}\n${REPLAY_USAGE}`);
}
