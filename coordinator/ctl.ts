// gpuasctl: what people type. Each word is a function that gives a text back; here they are called, what they say is
// printed, and what goes wrong becomes a message and an exit code.

import { seededRandom } from "../shared/model/random.ts";
import { systemClock as clock } from "../shared/runtime/clock.ts";
import { AppError, describe, ERROR_KINDS } from "../shared/runtime/errors.ts";
import { keysManifest, newKeys } from "./auth/new-keys.ts";
import { readCommand, USAGE } from "./ctl/arguments.ts";
import type { Command } from "./ctl/arguments.ts";
import { withCluster } from "./ctl/connect.ts";
import { drill } from "./ctl/drill/command.ts";
import type { DrillCommand } from "./ctl/drill/command.ts";
import { decideAgain, explain } from "./ctl/explain.ts";
import type { ReadPage } from "./ctl/explain.ts";
import { readLive } from "./ctl/live.ts";
import { status } from "./ctl/status.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const command = readCommand(argv);
    if (command.word === "drill") return await runDrill(command);
    console.log(await answer(command));
    return 0;
  } catch (error) {
    console.error(`gpuasctl: ${describe(error)}`);
    return error instanceof AppError ? ERROR_KINDS[error.kind].exitCode : ERROR_KINDS.bug.exitCode;
  }
}

/** The first Ctrl-C stops looking and says how to go on; the second one stops everything. */
async function runDrill(command: DrillCommand): Promise<number> {
  const looking = new AbortController();
  const stop = (): void => {
    if (looking.signal.aborted) process.exit(130);
    looking.abort(new AppError("unavailable", "interrupted"));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return await withCluster(
    command,
    async (client) =>
      await drill(command, {
        client,
        print: (text) => {
          console.log(text);
        },
        clock,
        random: seededRandom(clock.now()),
        signal: looking.signal,
      }),
  );
}

async function answer(command: Exclude<Command, { readonly word: "drill" }>): Promise<string> {
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
