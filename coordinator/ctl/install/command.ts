// `gpuasctl install`: looks whether the cluster, the values and whoever types are fit for it, says all of that, asks, and only
// then changes anything: the namespace, the definition of policies, and the rest by Helm. A second run upgrades.

import type { KubeObject } from "../../../shared/model/kube.ts";
import { FIELD_MANAGER, POD_SECURITY_LABEL, POLICY } from "../../../shared/model/names.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, describe, kindOf } from "../../../shared/runtime/errors.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import type { Command } from "../arguments.ts";
import { verdictOf } from "../doctor/checks.ts";
import { KIND } from "../doctor/kinds.ts";
import { preFlight } from "./checks.ts";
import { objectsIn } from "./helm.ts";
import type { Helm, Rendered } from "./helm.ts";
import { readPreFlight } from "./read.ts";
import type { InstallClient } from "./read.ts";
import { commandText, findingsText, NEXT, planText, stepText } from "./words.ts";
import type { Step } from "./words.ts";

export type InstallCommand = Extract<Command, { readonly word: "install" }>;

export interface InstallContext {
  readonly client: InstallClient;
  readonly helm: Helm;
  readonly print: (text: string) => void;
  /** The answer of whoever types, or null where there is no terminal. */
  readonly ask: (question: string) => Promise<string | null>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const DONE = 0;
/** Something stands against it, or it failed half way; a person has to look. */
const NOT_DONE = 1;

const SERVED_WITHIN_MS = millis(60_000);
const SERVED_LOOK_MS = millis(250);

/** The exit code. @throws AppError settings where nobody can be asked and --yes is not given. */
export async function install(command: InstallCommand, context: InstallContext): Promise<number> {
  const { client, helm, print, ask, clock, signal } = context;
  const { release, json, way } = command;
  const { namespace } = command.service;
  const facts = await readPreFlight({ client, helm, release, namespace, now: () => clock.now(), signal });
  const checks = preFlight(facts);
  const verdict = verdictOf(checks);
  const failed = checks.some((check) => check.verdict === "fail");
  if (!json) print(findingsText(checks));
  const end = (code: number, steps: readonly Step[], result: Result | null): number => {
    if (json) print(JSON.stringify({ verdict, checks, way, steps, result }, null, 2));
    return code;
  };
  if (way === "pre-flight") return end(failed ? NOT_DONE : DONE, [], null);
  if (failed) {
    if (!json) print("\nNothing is changed: see what fails above");
    return end(NOT_DONE, [], null);
  }
  const definitions = objectsIn(await helm.definitions());
  const steps: readonly Step[] = [
    ...(facts.space.kind === "absent" ? [{ kind: "namespace", namespace } as const] : []),
    { kind: "definition", names: definitions.map(({ metadata }) => metadata.name) },
    { kind: "helm", command: commandText(["helm", ...helm.upgradeArgs(command.timeout)]) },
  ];
  if (!json) print(`\n${planText(steps)}`);
  if (way === "dry-run") return end(DONE, steps, null);
  if (!command.yes && !(await agreed(ask))) {
    if (!json) print("Nothing is changed");
    return end(NOT_DONE, steps, null);
  }
  const result = await carryOut(command, context, steps, definitions);
  if (!json) print(result.failed === null ? NEXT : `Not done: ${result.failed}`);
  return end(result.failed === null ? DONE : NOT_DONE, steps, result);
}

interface Result {
  /** Steps that were carried out, in words. */
  readonly done: readonly string[];
  /** Why the next one was not; a second run goes on from there. */
  readonly failed: string | null;
}

async function carryOut(
  { json, service, timeout }: InstallCommand,
  { client, helm, print, clock, signal }: InstallContext,
  steps: readonly Step[],
  definitions: readonly Rendered[],
): Promise<Result> {
  const done: string[] = [];
  for (const step of steps) {
    try {
      switch (step.kind) {
        case "namespace":
          await client.create(RESOURCE.namespaces, spaceNamed(service.namespace), { signal });
          break;
        case "definition":
          for (const definition of definitions)
            await client.apply(
              KIND.definitions,
              { name: definition.metadata.name },
              definition,
              { fieldManager: FIELD_MANAGER.ctl, force: true },
              { signal },
            );
          await untilServed(client, clock, signal);
          break;
        case "helm": {
          const said = await helm.upgrade(timeout, signal);
          if (!json) print(said.trim());
          break;
        }
        default:
          step satisfies never;
      }
    } catch (error) {
      return { done, failed: describe(error) };
    }
    done.push(stepText(step));
  }
  return { done, failed: null };
}

/**
 * A definition is served some seconds after it was made, five where there are several API servers; Helm waits for that only
 * where it has made it itself, and would know no policy.
 * @throws AppError timeout
 */
async function untilServed(
  client: Pick<InstallClient, "read">,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const endsAtMs = clock.monotonic() + SERVED_WITHIN_MS;
  for (;;) {
    try {
      await client.read(`/apis/${POLICY.apiVersion}`, { signal });
      return;
    } catch (error) {
      if (kindOf(error) !== "not-found") throw error;
    }
    if (clock.monotonic() > endsAtMs)
      throw new AppError(
        "timeout",
        `the API server has the definition of ${POLICY.kind} and does not serve it: see its conditions (kubectl describe crd)`,
      );
    await clock.sleep(SERVED_LOOK_MS, signal);
  }
}

function spaceNamed(name: string): KubeObject {
  return { metadata: { name, labels: { [POD_SECURITY_LABEL]: "privileged" } } };
}

/** What an installation applies, as text for `kubectl apply --server-side`: nobody is asked and no cluster is needed. */
export async function renderInstallation(helm: Helm, namespace: string): Promise<string> {
  const space = { apiVersion: "v1", kind: "Namespace", ...spaceNamed(namespace) };
  const parts = [JSON.stringify(space), await helm.definitions(), await helm.rendered()];
  return parts.map((part) => part.replace(/^---\n/, "").trim()).join("\n---\n");
}

async function agreed(ask: InstallContext["ask"]): Promise<boolean> {
  const answer = await ask("Go on? Only yes goes on: ");
  if (answer === null)
    throw new AppError(
      "settings",
      "install asks before it changes anything, and here is no terminal: give --yes",
    );
  return answer.trim() === "yes";
}
