// What a document shows to be typed or written: its blocks of code and the code within its sentences, with where each
// stands. Only the marks of Markdown that this repository uses are known; a tab or an HTML block is text like any other.

export interface Piece {
  readonly file: string;
  /** Of its first line, counted from 1. */
  readonly line: number;
  /** A block between fences, a block by indentation, or code within a sentence. */
  readonly kind: "fence" | "indent" | "inline";
  /** After the fence; "" where none is named. */
  readonly language: string;
  readonly text: string;
}

const FENCE = /^ *```(\S*) *$/;
const INDENT = "    ";

/** In order. @throws Error where a fence is never closed. */
export function piecesOf(file: string, markdown: string): readonly Piece[] {
  const lines = markdown.split("\n");
  const pieces: Piece[] = [];
  let inList = false;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const [, language] = FENCE.exec(line) ?? [];
    if (language !== undefined) {
      const end = lines.findIndex((each, index) => index > at && /^ *``` *$/.test(each));
      if (end === -1) throw new Error(`${file}:${at + 1}: a fence that is never closed`);
      const text = dedent(lines.slice(at + 1, end));
      pieces.push({ file, line: at + 2, kind: "fence", language, text });
      at = end;
      continue;
    }
    if (line !== "" && !line.startsWith(" ")) inList = /^([-*]|\d+\.) /.test(line);
    const isBlock = line.startsWith(INDENT) && (lines[at - 1] ?? "") === "" && !inList;
    if (isBlock) {
      let end = at;
      while ((lines[end] ?? "").startsWith(INDENT)) end += 1;
      const text = dedent(lines.slice(at, end));
      pieces.push({ file, line: at + 1, kind: "indent", language: "", text });
      at = end - 1;
      continue;
    }
    for (const [, text = ""] of line.matchAll(/(?<!`)`([^`]+)`(?!`)/g))
      pieces.push({ file, line: at + 1, kind: "inline", language: "", text });
  }
  return pieces;
}

/** Targets of links to files of the repository, as they are written, without what follows a #. */
export function linksOf(markdown: string): readonly string[] {
  const text = markdown.replaceAll(/^ *```[\s\S]*?^ *```/gm, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

function dedent(lines: readonly string[]): string {
  const depths = lines
    .filter((line) => line.trim() !== "")
    .map((line) => line.length - line.trimStart().length);
  const depth = Math.min(...depths, 80);
  return lines.map((line) => line.slice(depth)).join("\n");
}
