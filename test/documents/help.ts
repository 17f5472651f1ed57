// Whether kubectl or helm knows the words and flags of a command, by what they print when they are asked for help. Names of
// objects are nobody's business here, and nothing is run but that.

/** Flags of all of its words, which only a word of its own prints. */
const GLOBAL = { kubectl: ["options"], helm: ["--help"] } as const;
type Program = keyof typeof GLOBAL;

/** What is known of `program WORDS`. */
interface Known {
  /** Words that may follow. */
  readonly words: ReadonlySet<string>;
  readonly flags: ReadonlySet<string>;
}

export type Help = (program: Program, words: readonly string[]) => Promise<Known>;

/** Asks each but once. */
export function helpFrom(ask: (program: Program, words: readonly string[]) => Promise<string>): Help {
  const asked = new Map<string, Promise<Known>>();
  return async (program, words) => {
    const key = [program, ...words].join(" ");
    const known = asked.get(key) ?? ask(program, words).then(read);
    asked.set(key, known);
    return await known;
  };
}

/** Null: it knows them all. */
export async function complaintByHelp(command: readonly string[], help: Help): Promise<string | null> {
  const [name = "", ...rest] = command;
  if (!isProgram(name)) return `${name} is not asked for help`;
  const global = await help(name, GLOBAL[name]);
  // 1. Its words, as deep as they go: flags may stand between them.
  const path: string[] = [];
  let known = await help(name, ["--help"]);
  for (const [at, word] of rest.entries()) {
    if (word.startsWith("-") || isValueOf(rest[at - 1], [global, known])) continue;
    if (!known.words.has(word)) {
      // Where no word can follow it is the name of something.
      if (known.words.size > 0) return `${[name, ...path].join(" ")} knows no word ${word}`;
      break;
    }
    path.push(word);
    known = await help(name, [...path, "--help"]);
  }
  // A flag alone could be any word's.
  if (path.length === 0) return null;
  // 2. The flags of the last word, and everybody's.
  const own = rest.slice(0, rest.includes("--") ? rest.indexOf("--") : undefined);
  const flags = own
    .filter((word) => word.startsWith("-") && word.length > 1)
    .map((word) => word.replace(/=.*/s, ""));
  const strange = flags.find((flag) => !known.flags.has(flag) && !global.flags.has(flag));
  return strange === undefined ? null : `${[name, ...path].join(" ")} knows no flag ${strange}`;
}

function isProgram(name: string): name is Program {
  return Object.hasOwn(GLOBAL, name);
}

/** `--namespace NAME`: the name is no word of the program's. */
function isValueOf(before: string | undefined, known: readonly Known[]): boolean {
  if (before === undefined || !before.startsWith("-") || before.includes("=")) return false;
  return known.some(({ flags }) => flags.has(before));
}

function read(text: string): Known {
  const flags = new Set<string>();
  const words = new Set<string>();
  for (const line of text.split("\n")) {
    const [, short, long] = /^\s+(?:(-\w), )?(--[a-z][a-z0-9-]*)/.exec(line) ?? [];
    if (short !== undefined) flags.add(short);
    if (long !== undefined) flags.add(long);
    // "  apply           Apply a configuration": two blanks, the word, blanks, a sentence. Examples have four.
    const [, word] = /^ {2}([a-z][a-z-]*)\s{2,}\S/.exec(line) ?? [];
    if (word !== undefined) words.add(word);
  }
  return { words, flags };
}
