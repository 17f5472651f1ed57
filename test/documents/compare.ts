// What a document says came, against what came. What is different each time is taken out of both, and said here: nothing else
// may differ.

/** In this order. */
const DIFFERS: readonly (readonly [RegExp, string])[] = [
  // Instants, and how long something took or is there.
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<instant>"],
  [/\b(\d+d)?(\d+h)?(\d+m)?\d+(\.\d+)?m?s\b/g, "<time>"],
  [/\b\d+m\b/g, "<time>"],
  [/\b\d+(\.\d+)? (ms|s|min|h)\b/g, "<time>"],
  // Names of pods, addresses, versions.
  [/\b([a-z][a-z-]*)-[a-z0-9]{8,10}-[a-z0-9]{5}\b/g, "$1-<drawn>"],
  [/127\.0\.0\.1:\d+/g, "127.0.0.1:<port>"],
  [/\bv\d+\.\d+\.\d+\b/g, "<version>"],
  // Newer releases of kubectl say where as well.
  [/ deleted from \S+ namespace$/g, " deleted"],
  // Each release looks at more: all of them have to be well.
  [/^(\d+) checks: \1 ok$/g, "<all> checks: ok"],
  // Columns are as wide as what is in them.
  [/ +/g, " "],
  [/ $/g, ""],
];

const ANY = "…";
const SHOWN = 40;

/** Null when they are the same; else the first line that did not come, and what came. */
export function compared(expected: readonly string[], came: readonly string[]): string | null {
  const wanted = expected.map(normal).filter((line) => line !== "");
  const lines = came.map(normal).filter((line) => line !== "");
  let at = 0;
  let anything = false;
  for (const line of wanted) {
    if (line === ANY) {
      anything = true;
      continue;
    }
    const found = anything ? lines.indexOf(line, at) : at;
    if (found === -1 || lines[found] !== line) return told(line, came);
    at = found + 1;
    anything = false;
  }
  if (!anything && at < lines.length) return told("(nothing more)", came);
  return null;
}

function told(line: string, came: readonly string[]): string {
  return [`expected: ${line}`, "came:", ...came.slice(0, SHOWN)].join("\n");
}

function normal(line: string): string {
  return DIFFERS.reduce((text, [pattern, by]) => text.replaceAll(pattern, by), line.trimEnd());
}
