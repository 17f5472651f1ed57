// Reference pages as text, from the tables that the programs run by. Pure: what is in the pages is decided by the
// tables, where they are written by generate.ts.

import type { MetricDoc } from "../shared/runtime/metrics.ts";
import type { SettingDoc } from "../shared/runtime/settings.ts";

const NOTE = "<!-- Written by `npm run generate` from the code. Changes here are lost. -->";

/** A part of a page: the program that its rows belong to. */
export interface Section<Row> {
  readonly title: string;
  /** Sentences before the table. */
  readonly note?: string;
  readonly rows: readonly Row[];
}

/** A name of dcgm-exporter's lists that has no series, and why. */
export interface NotServedDoc {
  readonly name: string;
  readonly why: string;
}

export interface ReasonDoc {
  readonly group: string;
  readonly code: string;
  readonly severity: string;
  readonly fields: readonly string[];
  /** As it is printed, with example values. */
  readonly example: string;
  /** Ids of the requirements that it answers. */
  readonly answers: readonly string[];
}

export function settingsPage(sections: readonly Section<SettingDoc>[]): string {
  return page(
    "Settings",
    "A flag wins over the environment, the environment over the default. An unknown or malformed setting stops the start.",
    sections.map(({ title, rows }) => ({
      title,
      head: ["Flag", "Environment", "Default", "Form", "What it does"],
      rows: rows.map(({ flag, env, default: fallback, form, sentence }) => [
        code(flag),
        code(env),
        written(fallback),
        form,
        sentence,
      ]),
    })),
  );
}

/** Labels that all rows of a section have alike stand once before its table. */
export function metricsPage(
  sections: readonly Section<MetricDoc>[],
  notServed: readonly NotServedDoc[] = [],
): string {
  const tables = sections.map(({ title, note = "", rows }): Table => {
    const shared = rows.length > 1 ? sharedLabels(rows) : {};
    const every = Object.keys(shared).length === 0 ? "" : `On every series: ${labelList(shared, "; ")}.`;
    return {
      title,
      note: [note, every].filter((part) => part !== "").join("\n\n"),
      head: ["Name", "Type", "Labels", "Meaning"],
      rows: rows.map(({ name, type, labels, help }) => {
        const own = Object.entries(labels).filter(([label]) => !Object.hasOwn(shared, label));
        return [code(name), type, labelList(Object.fromEntries(own), "<br>"), help];
      }),
    };
  });
  const missing: readonly Table[] =
    notServed.length === 0
      ? []
      : [
          {
            title: "Names of dcgm-exporter that are not served",
            note: "A list of counters may name them: one warning at the start says so.",
            head: ["Name", "Why"],
            rows: notServed.map(({ name, why }) => [code(name), why]),
          },
        ];
  return page("Metrics", "A value that is not known has no series; it is never shown as zero.", [
    ...tables,
    ...missing,
  ]);
}

function sharedLabels(rows: readonly MetricDoc[]): MetricDoc["labels"] {
  const [first] = rows;
  return Object.fromEntries(
    Object.entries(first?.labels ?? {}).filter(([label, meaning]) =>
      rows.every(({ labels }) => labels[label] === meaning),
    ),
  );
}

function labelList(labels: MetricDoc["labels"], between: string): string {
  return Object.entries(labels)
    .map(([label, meaning]) => `${code(label)} ${meaning}`)
    .join(between);
}

export function reasonsPage(reasons: readonly ReasonDoc[]): string {
  const groups = Map.groupBy(reasons, ({ group }) => group);
  return page(
    "Reasons",
    "Every move, every hold and every pod without a new node carries codes with their numbers. `attention`: an operator may have to change something. `gpuasctl explain` prints them; the last column names the requirements that a reason answers.",
    [...groups].map(([title, rows]) => ({
      title,
      head: ["Code", "Severity", "Numbers", "For example", "Answers"],
      rows: rows.map(({ code: name, severity, fields, example, answers }) => [
        code(name),
        severity,
        fields.map(code).join(", "),
        example,
        answers.join(", "),
      ]),
    })),
  );
}

/** The part of a JSON schema that zod writes and this page shows. */
export interface JsonSchema {
  readonly type?: string | readonly string[] | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[] | undefined;
  readonly properties?: Readonly<Record<string, JsonSchema>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly items?: JsonSchema | undefined;
  readonly additionalProperties?: JsonSchema | boolean | undefined;
  readonly default?: unknown;
  readonly description?: string | undefined;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly minLength?: number | undefined;
  readonly pattern?: string | undefined;
}

export function policyPage(spec: JsonSchema): string {
  return page("AutoscalingPolicy", "Fields of `spec`. Unknown fields are refused.", [
    { title: "spec", head: ["Field", "Type", "Default", "Meaning"], rows: fieldRows(spec, "") },
  ]);
}

/**
 * Codes, fields and groups of the Reason union, read from its source: types are gone when a program runs, and a
 * second list by hand would drift. A comment line before members names their group.
 */
export function reasonsOf(source: string): readonly {
  readonly group: string;
  readonly code: string;
  readonly fields: Readonly<Record<string, string>>;
}[] {
  const union = /export type Reason =\n([\s\S]*?);\n\n/.exec(source)?.[1];
  if (union === undefined) throw new Error("the source declares no `export type Reason =`");
  const found: { group: string; code: string; fields: Record<string, string> }[] = [];
  let group = "";
  for (const [, comment, member] of union.matchAll(/\/\/ (.*)|\{([^}]*)\}/g)) {
    if (comment !== undefined) group = comment.replace(/\.$/, "");
    const fields = Object.fromEntries(
      [...(member ?? "").matchAll(/readonly (\w+): ([^;]+?)\s*(?:;|$)/g)].map(([, name = "", type = ""]) => [
        name,
        type,
      ]),
    );
    const { code: literal, ...rest } = fields;
    if (literal !== undefined) found.push({ group, code: literal.replaceAll('"', ""), fields: rest });
  }
  return found;
}

export interface Table {
  readonly title: string;
  /** Paragraphs before the table. */
  readonly note?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function page(title: string, opening: string, tables: readonly Table[]): string {
  const parts = tables.map(
    (table) =>
      `## ${table.title}\n\n${noteOf(table)}${[table.head, table.head.map(() => "---"), ...table.rows].map(row).join("\n")}\n`,
  );
  return `${NOTE}\n\n# ${title}\n\n${opening}\n\n${parts.join("\n")}`;
}

function noteOf({ note = "" }: Table): string {
  return note === "" ? "" : `${note}\n\n`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
}

/** A default as a person would write it; the words for "there is none" are not code. */
function written(fallback: string): string {
  return fallback === "required" || fallback === "none" ? fallback : code(fallback);
}

export function code(text: string): string {
  return text === "" ? "" : `\`${text}\``;
}

function fieldRows(schema: JsonSchema, prefix: string): readonly (readonly string[])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const fallback =
      field.default !== undefined
        ? code(JSON.stringify(field.default))
        : (schema.required ?? []).includes(name)
          ? "required"
          : "";
    const own = [code(path), typeOf(field), fallback, field.description ?? ""];
    const values = typeof field.additionalProperties === "object" ? field.additionalProperties : {};
    return [
      own,
      ...fieldRows(field, `${path}.`),
      ...fieldRows(field.items ?? {}, `${path}[].`),
      ...fieldRows(values, `${path}.*.`),
    ];
  });
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(", ");
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === "object" && typeof schema.additionalProperties === "object")
    return `map to ${typeOf(schema.additionalProperties)}`;
  const bounds = [bound("≥", schema.minimum), bound("≤", schema.maximum)].filter((part) => part !== "");
  const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? ["any"]);
  return [types.join(" or "), ...bounds].join(" ");
}

/** The bounds of 32 and 53 bits say how the number is stored and not what it may be. */
function bound(sign: string, value: number | undefined): string {
  return value === undefined || Math.abs(value) >= 2 ** 31 - 1 ? "" : `${sign} ${value}`;
}
