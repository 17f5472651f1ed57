// What the words after `agent` do: the parts are built from the agent's own settings, what they say is printed, and
// what goes wrong becomes a message and an exit code. Loaded only when there is such a word, so that the agent that
// runs on a node carries none of it.

import { hostname } from "node:os";

import { millis } from "../../shared/model/units.ts";
import { systemClock as clock } from "../../shared/runtime/clock.ts";
import { AppError, describe, ERROR_KINDS, kindOf } from "../../shared/runtime/errors.ts";
import { createKubeClient } from "../../shared/runtime/kube/client.ts";
import { loadSettings } from "../../shared/runtime/settings.ts";
import type { Environment, SettingValues } from "../../shared/runtime/settings.ts";
import { NOTHING_SEEN } from "../assess/view.ts";
import { agentKubeConfig } from "../kube-config.ts";
import { MACHINE } from "../sample/kernel-log/kernel-log.ts";
import { places } from "../sample/nvml/places.ts";
import { startSampler } from "../sample/nvml/sampler.ts";
import { createPodResourcesChannel } from "../sample/pod-resources/channel.ts";
import { decodeListResponse } from "../sample/pod-resources/decode.ts";
import { anonymise } from "../sample/replay/anonymise.ts";
import { readCapture, refuseIfThere, writeCapture } from "../sample/replay/capture.ts";
import { startReplay } from "../sample/replay/sampler.ts";
import { AGENT_SETTINGS } from "../settings.ts";
import { AGENT_USAGE, readAgentCommand } from "./arguments.ts";
import type { AgentCommand } from "./arguments.ts";
import { checkKernelLog, checkKubernetes, checkNats } from "./checks.ts";
import type { CheckLine } from "./checks.ts";
import { inspectionText } from "./inspect-table.ts";
import { inspect } from "./inspect.ts";
import { lookAtGpus } from "./look.ts";
import type { StartSampler } from "./look.ts";
import { readMachine } from "./machine.ts";
import { record } from "./record.ts";
import { top, topText } from "./top.ts";

type Values = SettingValues<typeof AGENT_SETTINGS>;

/** What a command leaves behind. */
interface Outcome {
  readonly text: string;
  readonly exitCode: number;
  /** `hung`: only SIGKILL ends this process. */
  readonly ended: "stopped" | "hung";
}

/** A person waits for the answer, so it is read more often than on a node. */
const LOOK_INTERVAL_MS = millis(500);
const LOOK_SLOW_INTERVAL_MS = millis(1_000);
const LOOK_WITHIN_MS = millis(9_000);
const LIST_WITHIN_MS = 5_000;

/** Resolves with the exit code; sends itself SIGKILL instead when a driver call does not let go of the process. */
export async function runAgentCommand(options: {
  readonly argv: readonly string[];
  readonly environment: Environment;
  readonly workerUrl: URL;
}): Promise<number> {
  // A reader that has seen enough, as `| head` has, is no failure.
  process.stdout.on("error", () => {});
  try {
    const { text, exitCode, ended } = await outcomeOf(options);
    if (text !== "") await print(`${text}\n`);
    if (ended === "hung") process.kill(process.pid, "SIGKILL");
    return exitCode;
  } catch (error) {
    process.stderr.write(`agent: ${describe(error)}\n`);
    return ERROR_KINDS[kindOf(error)].exitCode;
  }
}

async function outcomeOf({
  argv,
  environment,
  workerUrl,
}: Parameters<typeof runAgentCommand>[0]): Promise<Outcome> {
  const command = readAgentCommand(argv);
  if (command.word === "help") return { text: AGENT_USAGE, exitCode: 0, ended: "stopped" };
  // On a bare machine nobody has said what the node is called.
  const table = { ...AGENT_SETTINGS, nodeName: { ...AGENT_SETTINGS.nodeName, default: hostname() } };
  const { values } = loadSettings(table, environment, command.settings);
  switch (command.word) {
    case "inspect":
      return await inspected(values, await samplerFor(values, workerUrl, "look"), command.json);
    case "top":
      return await topped(values, await samplerFor(values, workerUrl, "look"));
    case "record":
      return await recorded(values, await samplerFor(values, workerUrl, "agent"), command);
  }
}

async function samplerFor(values: Values, workerUrl: URL, pace: "look" | "agent"): Promise<StartSampler> {
  if (values.replay !== null) {
    const capture = await readCapture(values.replay);
    return (listener) => startReplay({ ...listener, capture, clock });
  }
  return (listener) =>
    startSampler({
      ...listener,
      workerUrl,
      intervalMs: pace === "look" ? LOOK_INTERVAL_MS : values.sampleInterval,
      slowIntervalMs: pace === "look" ? LOOK_SLOW_INTERVAL_MS : values.slowInterval,
      gpm: values.gpm,
      library: { path: values.nvmlLibrary, driverRoots: values.driverRoots },
      clock,
    });
}

async function inspected(values: Values, start: StartSampler, json: boolean): Promise<Outcome> {
  const { inspection, ended } = await inspect({
    node: values.nodeName,
    start,
    clock,
    expectedGpus: values.expectedGpus,
    machine: () => readMachine(),
    held: async () => {
      const channel = createPodResourcesChannel(values.podResourcesSocket, clock);
      try {
        const answer = await channel.list(AbortSignal.timeout(LIST_WITHIN_MS));
        return { kind: "known", at: clock.now(), devices: decodeListResponse(answer) };
      } finally {
        channel.close();
      }
    },
    places: () => places({ path: values.nvmlLibrary, driverRoots: values.driverRoots }),
    checks: {
      "kernel log": () => checkKernelLog(kernelLogs(values.kernelLog)),
      ...Object.fromEntries(
        values.natsServers.map((server, i) => [`NATS${i === 0 ? "" : ` ${i + 1}`}`, () => checkNats(server)]),
      ),
      "Kubernetes API": () => kubernetesLine(values),
    },
  });
  const text = json ? JSON.stringify(inspection, null, 2) : inspectionText(inspection);
  return { text, exitCode: inspection.readable ? 0 : 1, ended };
}

function kernelLogs(setting: string): readonly string[] {
  if (setting === "none") return [];
  return setting === "auto" ? [...MACHINE.logPaths, MACHINE.kmsgPath] : [setting];
}

async function kubernetesLine(values: Values): Promise<Omit<CheckLine, "name">> {
  if (values.kubeconfig === null && values.kubernetesHost === null)
    return {
      ok: null,
      detail: "not in a cluster: KUBERNETES_SERVICE_HOST is not set and no kubeconfig is named",
    };
  const config = await agentKubeConfig(values, clock);
  const client = createKubeClient({ config, clock, userAgent: "gpu-autoscaler-agent" });
  try {
    return await checkKubernetes(client, values.nodeName);
  } finally {
    client.close();
  }
}

async function topped(values: Values, start: StartSampler): Promise<Outcome> {
  const { nodeName: node } = values;
  if (!process.stdout.isTTY) {
    const { cycle, source, ended } = await lookAtGpus({ start, clock, withinMs: LOOK_WITHIN_MS });
    const { text } = topText(node, NOTHING_SEEN, cycle ?? { at: clock.now(), source, samples: [] });
    return { text, exitCode: source.state === "ready" ? 0 : 1, ended };
  }
  const write = (text: string): boolean => process.stdout.write(text);
  const ended = await top({ node, start, clock, signal: untilAsked(), write });
  return { text: "", exitCode: 0, ended };
}

async function recorded(
  values: Values,
  start: StartSampler,
  command: Extract<AgentCommand, { word: "record" }>,
): Promise<Outcome> {
  const { output, force, keepNames, seconds, note } = command;
  if (!force) await refuseIfThere(output);
  process.stderr.write(`recording for ${seconds} s; Ctrl-C ends it early\n`);
  const result = await record({
    start,
    clock,
    intervalMs: values.sampleInterval,
    forMs: millis(seconds * 1000),
    note,
    signal: untilAsked(),
  });
  const { capture, cycles, full, ended } = result;
  await writeCapture(output, keepNames ? capture : anonymise(capture), force);
  const text = [
    `${cycles} cycles and ${capture.steps.length} steps in ${output}`,
    ...(full ? ["it ends early: it is as large as a replay takes"] : []),
    keepNames
      ? "UUIDs, serial numbers and bus addresses are in it"
      : "UUIDs, serial numbers and bus addresses are replaced",
  ].join("\n");
  return { text, exitCode: 0, ended };
}

function untilAsked(): AbortSignal {
  const asked = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      asked.abort(new AppError("unavailable", `asked to stop by ${signal}`));
    });
  return asked.signal;
}

/** Resolves when it has left this process: SIGKILL afterwards takes nothing of it away. */
async function print(text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    process.stdout.write(text, () => {
      resolve();
    });
  });
}
