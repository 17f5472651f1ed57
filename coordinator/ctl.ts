// gpuasctl: what people type. Each word is a function that gives a text back; here they are called, what they say is
// printed, and what goes wrong becomes a message and an exit code.

import { createInterface } from "node:readline/promises";

import { seededRandom } from "../shared/model/random.ts";
import { asksForVersion, versionLine } from "../shared/runtime/build-info.ts";
import { systemClock as clock } from "../shared/runtime/clock.ts";
import { AppError, describe, ERROR_KINDS } from "../shared/runtime/errors.ts";
import { keysManifest, newKeys } from "./auth/new-keys.ts";
import { readCommand, USAGE } from "./ctl/arguments.ts";
import type { Command } from "./ctl/arguments.ts";
import { withCluster } from "./ctl/connect.ts";
import { doctor } from "./ctl/doctor/command.ts";
import { drill } from "./ctl/drill/command.ts";
import { decideAgain, explain } from "./ctl/explain.ts";
import type { ReadPage } from "./ctl/explain.ts";
import { readLive } from "./ctl/live.ts";
import { status } from "./ctl/status.ts";
import { uninstall } from "./ctl/uninstall/command.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  if (asksForVersion(argv)) {
    console.log(versionLine("gpuasctl"));
    return 0;
  }
  try {
    const command = readCommand(argv);
    if (isLasting(command)) return await run(command);
    console.log(await answer(command));
    return 0;
  } catch (error) {
    console.error(`gpuasctl: ${describe(error)}`);
    return error instanceof AppError ? ERROR_KINDS[error.kind].exitCode : ERROR_KINDS.bug.exitCode;
  }
}

/** Words that go on for a while, and end with a code of their own. */
type Lasting = Extract<Command, { readonly word: "drill" | "doctor" | "uninstall" }>;

function isLasting(command: Command): command is Lasting {
  return command.word === "drill" || command.word === "doctor" || command.word === "uninstall";
}

/** The first Ctrl-C stops looking and says how to go on; the second one stops everything. */
async function run(command: Lasting): Promise<number> {
  const looking = new AbortController();
  const stop = (): void => {
    if (looking.signal.aborted) process.exit(130);
    looking.abort(new AppError("unavailable", "interrupted"));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return await withCluster(command, async (client) => {
    const random = seededRandom(clock.now());
    const context = { client, print, ask, clock, random, signal: looking.signal };
    switch (command.word) {
      case "drill":
        return await drill(command, context);
      case "doctor":
        return await doctor(command, context);
      case "uninstall":
        return await uninstall(command, context);
    }
  });
}

function print(text: string): void {
  console.log(text);
}

/** Null where nobody sits in front of us. */
async function ask(question: string): Promise<string | null> {
  if (!process.stdin.isTTY) return null;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}

async function answer(command: Exclude<Command, Lasting>): Promise<string> {
  // Asked only where a word needs the coordinator: what is in a file is explained without a cluster.
  const readPage: ReadPage = async (page) =>
    await withCluster(command, async (client) => await readLive(client, command.service, page));
  switch (command.word) {
    case "help":
      return USAGE;
    case "status":
      return await withCluster(command, async (client) => await status(client, command, clock.now()));
    case "explain":
      return await explain(command, readPage);
    case "nats-keys":
      return keysManifest(newKeys(), command.namespace);
    case "decide":
      return await decideAgain(command, readPage);
  }
}
