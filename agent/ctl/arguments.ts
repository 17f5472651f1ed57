// What people type after `agent`, as a value of its own for each word. Without a word the agent runs as the agent;
// its settings, by flag or by environment, hold for the words as well. It reads and checks the form alone.

import { AppError } from "../../shared/runtime/errors.ts";

export const AGENT_USAGE = `usage:
  agent                    runs on its node until it is asked to stop
  agent inspect [--json]   what can be read on this machine, what cannot, and why; ends with 0 when GPUs are readable
  agent top                the GPUs, each second until Ctrl-C; once when the output is no terminal
  agent record --output FILE [--seconds 60] [--note TEXT] [--keep-names] [--force]
                           writes what the GPUs say into a file that --replay plays; without --keep-names UUIDs,
                           serial numbers, bus addresses and process ids are replaced
  agent --version          its version and revision, and Node's

All take the agent's settings as well, for instance --nvml-library=PATH, --replay=FILE or GPUAS_NATS_SERVERS.`;

/** `settings` is what is left for the settings to read. */
export type AgentCommand = { readonly settings: readonly string[] } & (
  | { readonly word: "help" }
  | { readonly word: "inspect"; readonly json: boolean }
  | { readonly word: "top" }
  | {
      readonly word: "record";
      readonly output: string;
      readonly seconds: number;
      readonly note: string;
      readonly keepNames: boolean;
      readonly force: boolean;
    }
);

const MAX_SECONDS = 3_600;

/** Own flags of each word, and whether they carry a value. */
const FLAGS = {
  inspect: { json: false },
  top: {},
  record: { output: true, seconds: true, note: true, "keep-names": false, force: false },
} as const satisfies Record<string, Readonly<Record<string, boolean>>>;

type Word = keyof typeof FLAGS;

/** Whether these are words for a person's command, and not flags of the agent that runs. */
export function isAgentCommand(argv: readonly string[]): boolean {
  const [first = ""] = argv;
  return (first !== "" && !first.startsWith("-")) || asksForHelp(first);
}

/** @throws AppError settings that says what to type instead. */
export function readAgentCommand(argv: readonly string[]): AgentCommand {
  const [word = "", ...rest] = argv;
  if (word === "help" || asksForHelp(word) || rest.some(asksForHelp)) return { word: "help", settings: [] };
  if (!isWord(word)) throw wrong(word === "" ? "no word is given" : `unknown word ${word}`);
  const { given, settings } = ownFlags(word, rest);
  if (word === "inspect") return { word, json: given.has("json"), settings };
  if (word === "top") return { word, settings };
  const output = given.get("output") ?? "";
  if (output === "") throw wrong("record needs --output FILE");
  return {
    word,
    output,
    seconds: readSeconds(given.get("seconds") ?? "60"),
    note: given.get("note") ?? "",
    keepNames: given.has("keep-names"),
    force: given.has("force"),
    settings,
  };
}

function ownFlags(
  word: Word,
  argv: readonly string[],
): { readonly given: ReadonlyMap<string, string>; readonly settings: readonly string[] } {
  const flags = new Map<string, boolean>(Object.entries(FLAGS[word]));
  const given = new Map<string, string>();
  const settings: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    const [, name = "", , value] = /^--([^=]+)(=(.*))?$/s.exec(argument) ?? [];
    const takesValue = flags.get(name);
    if (takesValue === undefined) {
      settings.push(argument);
    } else if (takesValue) {
      const text = value ?? argv[++i];
      if (text === undefined || (value === undefined && text.startsWith("--")))
        throw wrong(`--${name} needs a value: --${name}=…`);
      given.set(name, text);
    } else {
      if (value !== undefined) throw wrong(`--${name} takes no value, got ${value}`);
      given.set(name, "");
    }
  }
  return { given, settings };
}

function readSeconds(text: string): number {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= 1 && seconds <= MAX_SECONDS))
    throw wrong(`--seconds takes a whole number from 1 to ${MAX_SECONDS}, got ${text}`);
  return seconds;
}

function isWord(word: string): word is Word {
  return Object.hasOwn(FLAGS, word);
}

function asksForHelp(argument: string): boolean {
  return argument === "--help" || argument === "-h";
}

function wrong(message: string): AppError {
  return new AppError("settings", `${message}\n${AGENT_USAGE}`);
}
