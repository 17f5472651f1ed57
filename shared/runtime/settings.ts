// One row for each setting: from it follow the value's type, the parsing, the start-up errors, the line in the
// log and the reference page. A wrong or unknown setting stops the start, with every problem in one error.
// This is the only file that reads the environment; what the settings mean is the business of the programs.

import { AppError } from "./errors.ts";
import { boundsOf, expectedForm, parseValue } from "./settings-values.ts";
import type { SettingRow, ValueOf } from "./settings-values.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export type SettingsTable = Readonly<Record<string, SettingRow>>;

export type SettingValues<Table extends SettingsTable> = {
  readonly [Name in keyof Table]: Table[Name] extends { readonly default: null }
    ? ValueOf<Table[Name]> | null
    : ValueOf<Table[Name]>;
};

export type Origin = "default" | "environment" | "flag";

export interface Settings<Table extends SettingsTable> {
  readonly values: SettingValues<Table>;
  readonly origins: { readonly [Name in keyof Table]: Origin };
  /** As written, for the log. */
  readonly written: { readonly [Name in keyof Table]: string | null };
}

/** Keeps the table's literal types and refuses a table that contradicts itself: that is a bug, not a bad setting. */
export function defineSettings<const Table extends SettingsTable>(table: Table): Table {
  const seen = new Set<string>();
  for (const [name, row] of Object.entries(table)) {
    if (seen.has(row.env)) throw new AppError("bug", `setting ${name}: ${row.env} stands in the table twice`);
    seen.add(row.env);
    if (typeof row.default !== "string") continue;
    const parsed = parseValue(row, row.default);
    if (parsed.problem !== undefined)
      throw new AppError("bug", `setting ${name}: its default ${parsed.problem}`);
  }
  return table;
}

/**
 * Reads the settings of one program: a flag wins over the environment, the environment over the default.
 * @throws AppError settings, with one line for each problem.
 */
export function loadSettings<const Table extends SettingsTable>(
  table: Table,
  environment: Environment,
  argv: readonly string[] = [],
): Settings<Table> {
  const problems: string[] = unknownKeys(table, environment);
  const flags = parseFlags(table, argv, problems);
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  const written: Record<string, string | null> = {};

  for (const [name, row] of Object.entries(table)) {
    const flag = flags.get(name);
    // An empty variable is what a template leaves behind when its value is not set.
    const fromEnvironment = environment[row.env] === "" ? undefined : environment[row.env];
    const text = flag ?? fromEnvironment ?? row.default;
    origins[name] = flag !== undefined ? "flag" : fromEnvironment !== undefined ? "environment" : "default";
    written[name] = text ?? null;
    const label = origins[name] === "flag" ? flagOf(name) : row.env;
    if (text === undefined) {
      problems.push(`${row.env} is required (${expectedForm(row)}): ${row.sentence}`);
    } else if (text === null) {
      values[name] = null;
    } else {
      const parsed = parseValue(row, text);
      if (parsed.problem === undefined) values[name] = parsed.value;
      else problems.push(`${label} ${parsed.problem}`);
    }
  }

  if (problems.length > 0)
    throw new AppError("settings", problems.join("\n"), { data: { problems: problems.length } });
  // The loop above gave every name of the table a value of its row's kind, which the compiler cannot see.
  return Object.freeze({
    values: Object.freeze(values) as SettingValues<Table>,
    origins: Object.freeze(origins) as Settings<Table>["origins"],
    written: Object.freeze(written) as Settings<Table>["written"],
  });
}

/** What is in force, for one log line at the start: name → written value and where it came from. */
export function effectiveSettings<const Table extends SettingsTable>(
  table: Table,
  settings: Settings<Table>,
): Readonly<Record<string, string>> {
  const lines: Record<string, string> = {};
  for (const [name, row] of Object.entries(table)) {
    const text = settings.written[name] ?? null;
    const shown = text === null ? "not set" : row.secret === true ? "redacted" : text;
    lines[name] = `${shown} (${settings.origins[name] ?? "default"})`;
  }
  return lines;
}

export interface SettingDoc {
  readonly flag: string;
  readonly env: string;
  readonly form: string;
  /** As written, or "required" or "none". */
  readonly default: string;
  readonly sentence: string;
}

/** The rows of the reference page. */
export function settingsTable(table: SettingsTable): readonly SettingDoc[] {
  return Object.entries(table).map(([name, row]) => ({
    flag: flagOf(name),
    env: row.env,
    form: `${expectedForm(row)}${boundsOf(row)}`,
    default: row.default === undefined ? "required" : (row.default ?? "none"),
    sentence: row.sentence,
  }));
}

export function readEnvironment(): Environment {
  return { ...process.env };
}

/** sampleInterval → --sample-interval */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function parseFlags(table: SettingsTable, argv: readonly string[], problems: string[]): Map<string, string> {
  const names = new Map(Object.keys(table).map((name) => [flagOf(name), name]));
  const given = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    const [flag = "", ...rest] = argument.split("=");
    const name = names.get(flag);
    if (name === undefined) {
      problems.push(`unknown argument ${argument}${suggestion(flag, [...names.keys()])}`);
      continue;
    }
    const next = argv[i + 1];
    if (rest.length > 0) {
      given.set(name, rest.join("="));
    } else if (table[name]?.kind === "boolean" && next !== "true" && next !== "false") {
      given.set(name, "true");
    } else if (next === undefined || next.startsWith("--")) {
      problems.push(`${flag} needs a value: ${flag}=…`);
    } else {
      given.set(name, next);
      i++;
    }
  }
  return given;
}

function unknownKeys(table: SettingsTable, environment: Environment): string[] {
  const known = Object.values(table).map((row) => row.env as string);
  return Object.keys(environment)
    .filter(
      (key) => key.startsWith("GPUAS_") && !known.includes(key) && !isForeign(key, environment[key] ?? ""),
    )
    .sort()
    .map((key) => `unknown setting ${key}${suggestion(key, known)}`);
}

/**
 * Variables with our prefix that are not settings. A Service whose name starts with "gpuas-" makes Kubernetes
 * put GPUAS_…_SERVICE_HOST and the like into every container of its namespace; GPUAS_TOOL_… names the
 * programs that the repository's own commands use.
 */
function isForeign(key: string, value: string): boolean {
  return (
    key.startsWith("GPUAS_TOOL_") ||
    /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(key) ||
    (key.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(value))
  );
}

function suggestion(given: string, known: readonly string[]): string {
  const ranked = known.map((name) => ({ name, distance: editDistance(given, name) }));
  ranked.sort((a, b) => a.distance - b.distance);
  const nearest = ranked[0];
  return nearest === undefined ? "" : `; the nearest known one is ${nearest.name}`;
}

/** Levenshtein distance with two rows. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
