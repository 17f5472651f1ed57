// The chart's values as text: values.yaml, where each has its sentence above it and what is not set stands there as a
// comment, and the page that lists them. Pure.

import { stringify } from "yaml";

import type { Group, Leaf, ValueNode } from "./value.ts";

const WIDTH = 110;

export function valuesText(values: Group): string {
  const head = comment("Written by `npm run generate` from deploy/chart/source. Changes here are lost.", "");
  return `${head}\n${linesOf(values, "").join("\n").trimStart()}\n`;
}

export function valuesPage(values: Group): string {
  return [
    "<!-- Written by `npm run generate` from deploy/chart/source. Changes here are lost. -->",
    "",
    "# Values of the chart",
    "",
    "A key that is not here is refused. `null` takes a default away.",
    ...Object.entries(values.keys).flatMap(([name, node]) => section(name, node)),
    "",
  ].join("\n");
}

function linesOf(node: Group, indent: string): readonly string[] {
  return Object.entries(node.keys).flatMap(([name, inner]) => {
    const above = inner.sentence === "" ? [] : [comment(inner.sentence, indent)];
    const gap = indent === "" ? [""] : [];
    if (inner.kind === "leaf") return [...gap, ...above, ...leafLines(name, inner, indent)];
    const below = linesOf(inner, `${indent}  `);
    // An object without a single value that is set has to be an object all the same.
    const open = below.some((line) => !line.trimStart().startsWith("#")) ? "" : " {}";
    return [...gap, ...above, `${indent}${name}:${open}`, ...below];
  });
}

function leafLines(name: string, { default: value, unset }: Leaf, indent: string): readonly string[] {
  if (value === undefined) return [`${indent}# ${name}:${unset === undefined ? "" : ` ${unset}`}`];
  return stringify({ [name]: value }, { lineWidth: 0 })
    .trimEnd()
    .split("\n")
    .map((line) => `${indent}${line}`);
}

function comment(sentence: string, indent: string): string {
  const lines: string[] = [];
  let line = `${indent}#`;
  for (const word of sentence.split(" ")) {
    if (`${line} ${word}`.length > WIDTH) {
      lines.push(line);
      line = `${indent}#`;
    }
    line = `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

function section(name: string, node: ValueNode): readonly string[] {
  const rows = rowsOf(name, node);
  const sentence = node.kind === "group" && node.sentence !== "" ? [node.sentence, ""] : [];
  return [
    "",
    `## ${name}`,
    "",
    ...sentence,
    "| Value | Type | Default | Meaning |",
    "| --- | --- | --- | --- |",
    ...rows,
  ];
}

function rowsOf(path: string, node: ValueNode): readonly string[] {
  if (node.kind === "leaf") {
    const value = node.default === undefined ? (node.unset ?? "") : JSON.stringify(node.default);
    const shown = value === "" ? "" : node.unset === "required" ? "required" : `\`${value}\``;
    return [`| \`${path}\` | ${typeOf(node)} | ${shown} | ${node.sentence.replaceAll("|", "\\|")} |`];
  }
  return Object.entries(node.keys).flatMap(([name, inner]) => rowsOf(`${path}.${name}`, inner));
}

function typeOf({ schema }: Leaf): string {
  const { type, enum: words, const: constant } = schema;
  if (constant !== undefined) return `\`${JSON.stringify(constant)}\``;
  if (Array.isArray(words)) return words.map((word) => `\`${String(word)}\``).join(", ");
  return Array.isArray(type) ? type.join(" or ") : String(type);
}
