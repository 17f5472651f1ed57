// The list of counters of dcgm-exporter: its CSV format, its default, and what of a list can be served. A line that
// cannot be read refuses the start; a name that cannot be served does not, since lists are shared between clusters.

import { AppError } from "../../../shared/runtime/errors.ts";
import { DCGM_FIELDS, DCGM_LABELS } from "./dcgm-fields.ts";
import type { DcgmField } from "./dcgm-fields.ts";
import { whyNotServed } from "./dcgm-not-served.ts";

export interface DcgmCounter {
  readonly name: string;
  readonly type: "gauge" | "counter" | "label";
  readonly help: string;
}

export interface DcgmPlan {
  /** With type and help as the list has them. */
  readonly fields: readonly DcgmField[];
  /** Names of labels that every series carries. */
  readonly labels: readonly string[];
  readonly notServed: readonly { readonly name: string; readonly why: string }[];
}

const TYPES = ["gauge", "counter", "label"] as const;

export const DCGM_DEFAULT_COUNTERS: readonly DcgmCounter[] = [
  ...DCGM_FIELDS.filter((field) => field.standard).map(({ name, type, help }) => ({ name, type, help })),
  ...Object.entries(DCGM_LABELS)
    .filter(([, label]) => label.standard)
    .map(([name, { help }]) => ({ name, type: "label" as const, help })),
];

/**
 * `path` is for the message only.
 * @throws AppError settings, with each line that cannot be read.
 */
export function parseDcgmCounters(text: string, path: string): readonly DcgmCounter[] {
  const problems: string[] = [];
  const counters: DcgmCounter[] = [];
  const lineOf = new Map<string, number>();
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const read = readLine(trimmed);
    const before = typeof read === "string" ? undefined : lineOf.get(read.name);
    if (typeof read === "string") problems.push(`line ${at + 1}: ${read}`);
    else if (before !== undefined)
      problems.push(`line ${at + 1}: ${read.name} stands in line ${before} already`);
    else {
      lineOf.set(read.name, at + 1);
      counters.push(read);
    }
  }
  if (problems.length === 0 && counters.length === 0)
    problems.push("the list is empty; leave the setting out to get dcgm-exporter's default list");
  if (problems.length > 0)
    throw new AppError(
      "settings",
      [`the list of dcgm counters ${path} cannot be used`, ...problems].join("\n"),
    );
  return counters;
}

export function planDcgm(counters: readonly DcgmCounter[]): DcgmPlan {
  const known = new Map(DCGM_FIELDS.map((field) => [field.name, field]));
  const fields: DcgmField[] = [];
  const labels: string[] = [];
  const notServed: { name: string; why: string }[] = [];
  for (const { name, type, help } of counters) {
    const field = known.get(name);
    const isLabel = Object.hasOwn(DCGM_LABELS, name);
    if (type === "label" && isLabel) labels.push(name);
    else if (type !== "label" && field !== undefined) fields.push({ ...field, type, help });
    else if (isLabel) notServed.push({ name, why: "is a text: its type must be label" });
    else if (field !== undefined) notServed.push({ name, why: "is a number that changes: it is no label" });
    else notServed.push({ name, why: whyNotServed(name) });
  }
  return { fields, labels, notServed };
}

/** A counter, or what is wrong with the line. */
function readLine(line: string): DcgmCounter | string {
  const [, name = "", type = "", rest = ""] = /^([^,]*),([^,]*),(.*)$/.exec(line) ?? [];
  const form = "write NAME, TYPE, help text";
  if (name.trim() === "") return `has no three parts; ${form}: ${line}`;
  if (!/^[A-Z][A-Z0-9_]*$/.test(name.trim()))
    return `${name.trim()} is not a name: capitals, digits and _ only`;
  const typed = TYPES.find((one) => one === type.trim());
  if (typed === undefined) return `${type.trim()} is not one of ${TYPES.join(", ")}`;
  const help = rest.trim();
  const quoted = /^"((?:[^"]|"")*)"$/.exec(help)?.[1];
  if (quoted === undefined && help.includes(","))
    return "has more than three parts; put a help text with commas in quotation marks";
  const said = quoted === undefined ? help : quoted.replaceAll('""', '"').trim();
  if (said === "") return `the help text is empty; ${form}`;
  return { name: name.trim(), type: typed, help: said };
}
