// The commands of a piece of a document, each as its words, as a shell would see them: lines that go on, quotes, pipes,
// lists, what runs inside of $(). Words of the shell's own (for, do, export) are taken off. It runs nothing.

import type { Piece } from "./markdown.ts";

export interface Command {
  readonly file: string;
  readonly line: number;
  /** Within a sentence, where a command is often only named. */
  readonly isInline: boolean;
  /** The program first, without redirections. */
  readonly words: readonly string[];
}

/** A typed line with what it printed. */
export interface Exchange {
  readonly line: number;
  readonly typed: string;
  readonly printed: readonly string[];
}

const PROMPT = "$ ";
const KEYWORDS = new Set(["do", "then", "else", "if", "while", "!", "time", "exec", "sudo"]);
/** They have no command behind them, or only settings. */
const SKIPPED = new Set(["for", "done", "fi", "export", "cd", ".", "source", "alias", "set"]);

/** Of a block in which lines begin with "$ ": what is typed, and what came. What stands before the first is nobody's. */
export function exchangesOf({ line, text }: Pick<Piece, "line" | "text">): readonly Exchange[] {
  const exchanges: { line: number; typed: string; printed: string[] }[] = [];
  let goesOn = false;
  for (const [index, each] of text.split("\n").entries()) {
    const last = exchanges.at(-1);
    if (goesOn && last !== undefined) last.typed += `\n${each}`;
    else if (each.startsWith(PROMPT))
      exchanges.push({ line: line + index, typed: each.slice(PROMPT.length), printed: [] });
    else last?.printed.push(each);
    goesOn = (goesOn || each.startsWith(PROMPT)) && each.endsWith("\\");
  }
  return exchanges;
}

/** Every command of a text that is all commands. */
export function commandsIn(text: string): readonly (readonly string[])[] {
  const joined = text.replaceAll(/\\\n\s*/g, " ").replaceAll(/^\s*#.*$/gm, "");
  const inner = [...joined.matchAll(/\$\(([^()]*)\)/g)].flatMap(([, each = ""]) => commandsIn(each));
  const outer = tokens(joined.replaceAll(/\$\([^()]*\)/g, "VALUE"));
  const commands: string[][] = [[]];
  for (const token of outer) {
    if (token.kind === "break") commands.push([]);
    else commands.at(-1)?.push(token.text);
  }
  return [...commands.map(withoutShell).filter((words) => words.length > 0), ...inner];
}

/** What a shell that is told of them gives to a program. @throws Error at a quote that never ends. */
function tokens(text: string): readonly { readonly kind: "word" | "break"; readonly text: string }[] {
  const found: { kind: "word" | "break"; text: string }[] = [];
  const pattern = /\s*(?:(\n|\|\||&&|[;|&])|((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\;|&])+))[ \t]*/gy;
  while (pattern.lastIndex < text.length) {
    const from = pattern.lastIndex;
    if (text.slice(from).trim() === "") break;
    // A line's end is a break of its own, and not only space before the next word.
    const newline = /^[ \t]*\n/.exec(text.slice(from));
    if (newline !== null) {
      found.push({ kind: "break", text: "\n" });
      pattern.lastIndex = from + newline[0].length;
      continue;
    }
    const match = pattern.exec(text);
    if (match === null) throw new Error(`a shell could not read: ${text.slice(from)}`);
    const [, mark, word] = match;
    if (word === undefined) found.push({ kind: "break", text: mark ?? "" });
    else found.push({ kind: "word", text: unquoted(word) });
  }
  return found;
}

function unquoted(word: string): string {
  return word.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, (_, double, single, escaped) =>
    String(double ?? single ?? escaped ?? ""),
  );
}

function withoutShell(words: readonly string[]): readonly string[] {
  const [first = "", ...rest] = words;
  if (KEYWORDS.has(first) || /^[A-Za-z_]\w*=/.test(first)) return withoutShell(rest);
  if (SKIPPED.has(first)) return [];
  const kept: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    // `> FILE` and `2>&1`: where it goes is the shell's.
    if (/^\d?[<>]{1,2}$/.test(word)) at += 1;
    else if (!/^\d?[<>]/.test(word) || word.startsWith("<")) kept.push(word);
  }
  return kept;
}
