// gpuasctl: what people type. Each word is a function that gives a text back; here they are called, what they say is
// printed, and what goes wrong becomes a message and an exit code.

import { availableParallelism } from "node:os";
import { createInterface } from "node:readline/promises";

import { seededRandom } from "../shared/model/random.ts";
import { asksForVersion, versionLine } from "../shared/runtime/build-info.ts";
import { systemClock as clock } from "../shared/runtime/clock.ts";
import { AppError, describe, ERROR_KINDS } from "../shared/runtime/errors.ts";
import { keysManifest, newKeys } from "./auth/new-keys.ts";
import { readCommand, USAGE } from "./ctl/arguments.ts";
import type { Command } from "./ctl/arguments.ts";
import { kubeconfigOf, withCluster } from "./ctl/connect.ts";
import { cost } from "./ctl/cost.ts";
import { doctor } from "./ctl/doctor/command.ts";
import { drill } from "./ctl/drill/command.ts";
import { decideAgain, explain } from "./ctl/explain.ts";
import type { ReadPage } from "./ctl/explain.ts";
import { forecast } from "./ctl/forecast.ts";
import { install, renderInstallation } from "./ctl/install/command.ts";
import type { InstallCommand } from "./ctl/install/command.ts";
import { createHelm } from "./ctl/install/helm.ts";
import type { Helm } from "./ctl/install/helm.ts";
import { createRunHelm } from "./ctl/install/run-helm.ts";
import { readLive } from "./ctl/live.ts";
import type { ReplayContext } from "./ctl/replay/command.ts";
import { replayWord } from "./ctl/replay/word.ts";
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
    if (command.word === "install" && command.way === "render") {
      console.log(await renderInstallation(helmFor(command), command.service.namespace));
      return 0;
    }
    if (command.word === "replay") {
      const { text, exitCode } = await replayWord(command.replay, replayContext());
      console.log(text);
      return exitCode;
    }
    if (isLasting(command)) return await run(command);
    console.log(await answer(command));
    return 0;
  } catch (error) {
    console.error(`gpuasctl: ${describe(error)}`);
    return error instanceof AppError ? ERROR_KINDS[error.kind].exitCode : ERROR_KINDS.bug.exitCode;
  }
}

/** Words that go on for a while, and end with a code of their own. */
type Lasting = Extract<Command, { readonly word: "drill" | "doctor" | "install" | "uninstall" }>;

function isLasting(command: Command): command is Lasting {
  const { word } = command;
  return word === "drill" || word === "doctor" || word === "install" || word === "uninstall";
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
      case "install":
        return await install(command, { ...context, helm: helmFor(command) });
      case "uninstall":
        return await uninstall(command, context);
    }
  });
}

function helmFor(command: InstallCommand): Helm {
  // The chart lies beside the sources and beside the bundle.
  const shipped = new URL("../deploy/chart", import.meta.url).pathname;
  const { chart = shipped, release, values, sets, context } = command;
  const { namespace } = command.service;
  const kubeconfig = kubeconfigOf(command);
  const run = createRunHelm("helm");
  return createHelm({ run, chart, release, namespace, values, sets, kubeconfig, context });
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

function replayContext(): ReplayContext {
  const fromSource = import.meta.url.endsWith(".ts");
  return {
    // From source the worker lies beside its parts; in the bundle it lies beside the bundle.
    workerUrl: new URL(fromSource ? "./replay/worker.ts" : "./replay-worker.js", import.meta.url),
    processors: availableParallelism(),
    clock,
    say: (text) => void process.stderr.write(text),
    isTerminal: process.stderr.isTTY,
  };
}

async function answer(command: Exclude<Command, Lasting | { readonly word: "replay" }>): Promise<string> {
  // Asked only where a word needs the coordinator: what is in a file is explained without a cluster.
  const readPage: ReadPage = async (page) =>
    await withCluster(command, async (client) => await readLive(client, command.service, page));
  switch (command.word) {
    case "help":
      return USAGE;
    case "status":
      return await withCluster(command, async (client) => await status(client, command, clock.now()));
    case "cost":
      return await cost(command, readPage);
    case "forecast":
      return await forecast(command, readPage);
    case "explain":
      return await explain(command, readPage);
    case "nats-keys":
      return keysManifest(newKeys(), command.namespace);
    case "decide":
      return await decideAgain(command, readPage);
  }
}
