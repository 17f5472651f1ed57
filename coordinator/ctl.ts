// gpuasctl: what people type. Each word is a function that gives a text back; here they are called, what they say is
// printed, and what goes wrong becomes a message and an exit code.

import { systemClock as clock } from "../shared/runtime/clock.ts";
import { AppError, describe, ERROR_KINDS } from "../shared/runtime/errors.ts";
import { readCommand, USAGE } from "./ctl/arguments.ts";
import type { Command } from "./ctl/arguments.ts";
import { withCluster } from "./ctl/connect.ts";
import { decideAgain, explain } from "./ctl/explain.ts";
import type { ReadPage } from "./ctl/explain.ts";
import { readLive } from "./ctl/live.ts";
import { status } from "./ctl/status.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    console.log(await answer(readCommand(argv)));
    return 0;
  } catch (error) {
    console.error(`gpuasctl: ${describe(error)}`);
    return error instanceof AppError ? ERROR_KINDS[error.kind].exitCode : ERROR_KINDS.bug.exitCode;
  }
}

async function answer(command: Command): Promise<string> {
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
    case "decide":
      return await decideAgain(command, readPage);
  }
}
