// All documents of the repository, as git knows them, and what they show: commands, YAML and JSON, and what is neither. It
// judges nothing.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { NOT_ASKED } from "./exceptions.ts";
import { piecesOf } from "./markdown.ts";
import type { Piece } from "./markdown.ts";
import { isKnownProgram } from "./programs.ts";
import type { Repository } from "./programs.ts";
import { commandsIn, exchangesOf } from "./shell.ts";
import type { Command } from "./shell.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

export interface Shown {
  readonly repository: Repository;
  /** File → its text. */
  readonly documents: ReadonlyMap<string, string>;
  readonly commands: readonly Command[];
  readonly yaml: readonly Piece[];
  readonly json: readonly Piece[];
  /** Queries of Prometheus, one a line. */
  readonly promql: readonly Piece[];
  /** Blocks that are none of these. */
  readonly other: readonly Piece[];
}

export async function collect(): Promise<Shown> {
  const list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const { stdout } = await promisify(execFile)("git", list, { cwd: ROOT, maxBuffer: 16 * 2 ** 20 });
  const paths = new Set(stdout.split("\0").filter((path) => path !== ""));
  const documents = new Map<string, string>();
  for (const path of paths) {
    if (!path.endsWith(".md")) continue;
    // A file that was deleted and not yet committed is still on git's list.
    const text = await readFile(join(ROOT, path), "utf8").catch(() => null);
    if (text !== null) documents.set(path, text);
  }
  const pieces = [...documents].flatMap(([file, text]) => piecesOf(file, text));
  return {
    repository: { paths, text: (path) => readFileSync(join(ROOT, path), "utf8") },
    documents,
    ...sorted(pieces),
  };
}

/** What each piece is; the language after a fence counts, and without one its first words. */
export function sorted(
  pieces: readonly Piece[],
): Pick<Shown, "commands" | "yaml" | "json" | "promql" | "other"> {
  const of = (kind: Nature): readonly Piece[] => pieces.filter((one) => natureOf(one) === kind);
  return {
    commands: of("commands").flatMap(commandsOf),
    yaml: of("yaml"),
    json: of("json"),
    promql: of("promql"),
    other: of("other"),
  };
}

type Nature = "commands" | "yaml" | "json" | "promql" | "other" | "words";

function natureOf({ kind, language, text }: Piece): Nature {
  const [first = ""] = text.replace(/^\$ /, "").split(/[\s`]/);
  const isCommand = isKnownProgram(first) || Object.hasOwn(NOT_ASKED, first);
  // A name alone is no command.
  if (kind === "inline") return isCommand && text.includes(" ") ? "commands" : "words";
  if (language === "sh" || language === "console" || /^\$ /m.test(text)) return "commands";
  if (language === "yaml" || language === "json" || language === "promql") return language;
  if (language === "" && text.split("\n").every((line) => /^(gpu_|DCGM_|sum|rate)/.test(line)))
    return "promql";
  return language === "" && (isCommand || /^(for|export|if|cd) /.test(text)) ? "commands" : "other";
}

function commandsOf(piece: Piece): readonly Command[] {
  const { file, kind, text } = piece;
  const isInline = kind === "inline";
  if (isInline) return inOne(file, piece.line, text.replaceAll("\\|", "|"), isInline);
  if (!/^\$ /m.test(text)) return inOne(file, piece.line, text, isInline);
  return exchangesOf(piece).flatMap(({ line, typed }) => inOne(file, line, typed, isInline));
}

function inOne(file: string, line: number, text: string, isInline: boolean): readonly Command[] {
  return commandsIn(text).map((words) => ({ file, line, isInline, words }));
}
