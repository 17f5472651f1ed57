// How the chart's values are described: a tree with a sentence, a type and a default for each, from which values.yaml, its
// schema and the page of values are written (schema.ts, text.ts). Which values there are is the business of values*.ts.

import { boundsOf, expectedForm } from "../../../shared/runtime/settings-values.ts";
import type { SettingRow } from "../../../shared/runtime/settings-values.ts";
import type { SettingsTable } from "../../../shared/runtime/settings.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Leaf {
  readonly kind: "leaf";
  readonly schema: JsonSchema;
  /** Undefined: the value is not set unless somebody sets it. */
  readonly default?: unknown;
  /** For the page and as a comment. */
  readonly sentence: string;
  /** What counts where it is not set, in words. */
  readonly unset?: string;
  readonly required?: true;
}

export interface Group {
  readonly kind: "group";
  readonly sentence: string;
  readonly keys: Readonly<Record<string, ValueNode>>;
}

export type ValueNode = Leaf | Group;

type More = Pick<Leaf, "unset" | "required">;

export function group(sentence: string, keys: Group["keys"]): Group {
  return { kind: "group", sentence, keys };
}

export function leaf(schema: JsonSchema, fallback: unknown, sentence: string, more: More = {}): Leaf {
  return { kind: "leaf", schema, default: fallback, sentence, ...more };
}

export const text = (fallback: string | undefined, sentence: string, more: More = {}): Leaf =>
  leaf({ type: "string" }, fallback, sentence, more);

export const flag = (fallback: boolean | undefined, sentence: string): Leaf =>
  leaf({ type: "boolean" }, fallback, sentence);

export const port = (fallback: number, sentence: string): Leaf =>
  leaf({ type: "integer", minimum: 1, maximum: 65_535 }, fallback, sentence);

export const texts = (fallback: readonly string[] | undefined, sentence: string): Leaf =>
  leaf({ type: "array", items: { type: "string", minLength: 1 } }, fallback, sentence);

export const share = (sentence: string): Leaf =>
  leaf({ type: "number", minimum: 0, maximum: 1 }, undefined, sentence);

/** Text → text, such as annotations. */
export const textMap = (sentence: string): Leaf =>
  leaf({ type: "object", additionalProperties: { type: "string" } }, {}, sentence);

/** A part of an object of Kubernetes, which the API server checks; the chart only checks that it is one. */
export const objectOfKubernetes = (fallback: object, sentence: string): Leaf =>
  leaf({ type: "object" }, fallback, sentence);

export const listOfKubernetes = (fallback: readonly object[], sentence: string): Leaf =>
  leaf({ type: "array", items: { type: "object" } }, fallback, sentence);

const DURATION = "^([0-9]+([.][0-9]+)?(ms|s|m|h|d))+$";

export const duration = (sentence: string): Leaf =>
  leaf({ type: "string", pattern: DURATION }, undefined, sentence);

/** One value for each setting that is not the chart's own affair; none has a default here, since the program has it. */
export function settingsGroup(table: SettingsTable, ours: readonly string[], sentence: string): Group {
  const rows = Object.entries(table).filter(([name]) => !ours.includes(name));
  return group(sentence, Object.fromEntries(rows.map(([name, row]) => [name, ofSetting(row)])));
}

function ofSetting(row: SettingRow): Leaf {
  const form = `${expectedForm(row)}${boundsOf(row)}`;
  const unset = row.default === undefined || row.default === null ? "not set" : asValue(row, row.default);
  return leaf(schemaOf(row), undefined, `${row.sentence} \`${row.env}\`: ${form}.`, { unset });
}

/** As it is written in YAML: a list of the environment has commas, one of the chart is a list. */
function asValue({ kind }: SettingRow, value: string): string {
  return kind === "list" ? `[${value.split(",").join(", ")}]` : value;
}

function schemaOf(row: SettingRow): JsonSchema {
  switch (row.kind) {
    case "boolean":
      return { type: "boolean" };
    case "integer":
    case "number":
      return {
        type: row.kind,
        ...(row.min === undefined ? {} : { minimum: Number(row.min) }),
        ...(row.max === undefined ? {} : { maximum: Number(row.max) }),
      };
    case "enum":
      return { type: "string", enum: [...row.values] };
    case "list":
      return { type: "array", items: { type: "string", minLength: 1 } };
    case "duration":
      return { type: "string", pattern: DURATION };
    case "size":
      return { type: "string", pattern: "^[0-9]+([.][0-9]+)?(B|KiB|MiB|GiB|TiB)$" };
    case "string":
    case "path":
    case "url":
      return { type: "string", minLength: 1 };
  }
}
