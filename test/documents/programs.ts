// Whether a command that a document shows could be typed: our own programs by the parsers that they ship with, npm by its
// scripts and what those take. kubectl and helm are asked by test/e2e/documents.test.ts, where they are at hand. What cannot
// be asked is in exceptions.ts.

import { posix } from "node:path";

import { readAgentCommand } from "../../agent/ctl/arguments.ts";
import { AGENT_SETTINGS } from "../../agent/settings.ts";
import { readCommand, USAGE } from "../../coordinator/ctl/arguments.ts";
import { REPLAY_USAGE } from "../../coordinator/ctl/replay/options.ts";
import { describe } from "../../shared/runtime/errors.ts";
import { loadSettings } from "../../shared/runtime/settings.ts";
import { parseOptions } from "../demo/options.ts";
import { TOOLS } from "../tools/tools.ts";
import type { Command } from "./shell.ts";

/** The repository's files, by their paths from its root. */
export interface Repository {
  readonly paths: ReadonlySet<string>;
  text(path: string): string;
}

/** What is wrong with it; null: nothing that can be seen. */
type Check = (args: readonly string[], command: Command, repository: Repository) => string | null;

/** `npm exec` and the like are npm's own; their arguments are for the program behind. */
const NPM_OWN = new Set(["ci", "install", "exec", "sbom"]);
const FLAG = /^--([a-z][a-z0-9-]*)/;

const agent: Check = (args, { isInline }) => {
  // As usage is written: what is in brackets may be left out.
  const words = args.map((word) => word.replaceAll(/[[\]]/g, ""));
  if (isInline && words.length === 1 && words[0] === "record") return null;
  const settings = (flags: readonly string[]): unknown =>
    loadSettings(AGENT_SETTINGS, { NODE_NAME: "node", GPUAS_NATS_SERVERS: "nats://nats:4222" }, flags);
  return refusal(() =>
    words[0]?.startsWith("--") === true ? settings(words) : settings(readAgentCommand(words).settings),
  );
};

const gpuasctl: Check = (args, { isInline }) => {
  const [word = ""] = args;
  const usage = `${USAGE}\n${REPLAY_USAGE}`;
  const known = new RegExp(`^ {2}gpuasctl ${word}\\b`, "m").test(usage);
  if (!known && word !== "help" && !word.startsWith("-")) return `gpuasctl knows no word ${word}`;
  const strange = args
    .flatMap((each) => FLAG.exec(each)?.[1] ?? [])
    .find((flag) => !usage.includes(`--${flag}`));
  if (strange !== undefined) return `gpuasctl knows no flag --${strange}`;
  // A sentence names words without what belongs to them.
  return isInline ? null : refusal(() => readCommand(args));
};

const npm: Check = (args, _, repository) => {
  const [word = "", ...rest] = args;
  if (NPM_OWN.has(word)) return null;
  const name = word === "run" ? (rest[0] ?? "") : word;
  const { scripts } = JSON.parse(repository.text("package.json")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const script = scripts[name];
  if (script === undefined) return `package.json has no script ${name}`;
  const separator = rest.indexOf("--");
  return separator === -1 ? null : given(name, script, rest.slice(separator + 1), repository);
};

/** What a script is given. */
function given(name: string, script: string, args: readonly string[], repository: Repository): string | null {
  const [first = ""] = args;
  if (name === "demo") return refusal(() => parseOptions(args, ""));
  if (name === "get")
    return isPlaceholder(first) || Object.hasOwn(TOOLS, first) ? null : `there is no tool ${first}`;
  if (name === "bench")
    return isPlaceholder(first) || repository.paths.has(`test/bench/${first}.ts`)
      ? null
      : `there is no bench ${first}`;
  if (script.startsWith("vitest")) {
    const found = [...repository.paths].some((path) => path.endsWith(".test.ts") && path.includes(first));
    return first.startsWith("-") || found ? null : `no test is called ${first}`;
  }
  const file = /node (\S+\.ts)$/.exec(script)?.[1] ?? "";
  const isKnown = (flag: string): boolean => {
    const pattern = new RegExp(`--${flag}\\b|["']${flag}["']|\\b${flag}: ?{`);
    return sourcesOf(file, repository, new Set()).some((text) => pattern.test(text));
  };
  const strange = args.flatMap((each) => FLAG.exec(each)?.[1] ?? []).find((flag) => !isKnown(flag));
  return strange === undefined ? null : `${file} knows no flag --${strange}`;
}

/** Texts of the file and of those that it names, and so on: by an import, or as what it starts. Read as far as they are asked for. */
function* sourcesOf(file: string, repository: Repository, seen: Set<string>): Generator<string> {
  if (seen.has(file) || !repository.paths.has(file)) return;
  seen.add(file);
  const text = repository.text(file);
  yield text;
  for (const [, path = ""] of text.matchAll(/"([\w./-]+\.ts)"/g))
    yield* sourcesOf(posix.join(posix.dirname(file), path), repository, seen);
}

/** Node runs files of ours, or what is in our images. */
const node: Check = (args, _, { paths }) => {
  const file = args.find((word) => !word.startsWith("-")) ?? "";
  return file === "" || file.startsWith("/app/") || paths.has(file) || file.startsWith("dist/")
    ? null
    : `there is no file ${file}`;
};

const CHECKS: Readonly<Record<string, Check>> = { agent, gpuasctl, npm, node };
/** Asked elsewhere: by what they say of themselves. */
export const ASKED_THEMSELVES: readonly string[] = ["kubectl", "helm"];

/** Whether anything of a document that begins with it is taken for a command. */
export function isKnownProgram(name: string): boolean {
  return Object.hasOwn(CHECKS, name) || ASKED_THEMSELVES.includes(name);
}

/** What is wrong with a command of a known program, the files that it names included. */
export function complaintOf(command: Command, repository: Repository): string | null {
  const [program = "", ...args] = command.words;
  const check = Object.hasOwn(CHECKS, program) ? CHECKS[program] : undefined;
  return check?.(args, command, repository) ?? missingFile(args, command, repository);
}

/** Paths of the repository that are not there. What begins with a variable, or is a placeholder, is nobody's. */
function missingFile(args: readonly string[], { file }: Command, { paths }: Repository): string | null {
  const folder = file.slice(0, file.lastIndexOf("/") + 1);
  const named = args
    .map((word) => word.replace(/^--[a-z-]+=/, "").replace(/^file:\/\//, ""))
    .filter((word) =>
      /^[\w./-]+\.(ts|yaml|json|py|sh)$|^(agent|coordinator|deploy|shared|test)\/[\w./-]+$/.test(word),
    )
    .filter((word) => !/\b[A-Z]{2,}\b/.test(word) && !word.startsWith("/") && !word.startsWith("my-"));
  const isThere = (word: string): boolean => {
    const path = word.replace(/\/$/, "");
    return [path, `${folder}${path}`].some(
      (each) => paths.has(each) || [...paths].some((one) => one.startsWith(`${each}/`)),
    );
  };
  const missing = named.find((word) => !isThere(word));
  return missing === undefined ? null : `there is no file ${missing}`;
}

function isPlaceholder(word: string): boolean {
  return /^[A-Z][A-Z_…]*$/.test(word);
}

function refusal(read: () => unknown): string | null {
  try {
    read();
    return null;
  } catch (error) {
    return describe(error).split("\n")[0] ?? "refused";
  }
}
