// How a pod wants to be told to save its state: by HTTP at its own address, or by a command inside it. Read from its
// annotations and checked here; nothing is called. The address is always the pod's own, so that nobody makes an agent
// call anybody else.

import { ownAddress, readHookUrl } from "./checkpoint-url.ts";
import type { Pod } from "./kube.ts";
import { POD_ANNOTATION } from "./names.ts";
import { millis } from "./units.ts";
import type { Millis } from "./units.ts";

export type CheckpointHook =
  | {
      readonly kind: "http";
      /** One of the pod's own addresses. */
      readonly address: string;
      readonly port: number;
      /** With its query, beginning with "/". */
      readonly path: string;
      readonly timeoutMs: Millis;
      /** What could not be read beside it; the pod is told all the same. */
      readonly note?: string;
    }
  | {
      readonly kind: "exec";
      readonly command: readonly string[];
      /** Null: the pod's first. */
      readonly container: string | null;
      readonly timeoutMs: Millis;
      readonly note?: string;
    }
  /** It asks for something that is not done. */
  | { readonly kind: "refused"; readonly why: string };

/** Null: the pod has no hook. */
export type CheckpointHookOf = (pod: Pod) => CheckpointHook | null;

const DEFAULT_TIMEOUT_MS = millis(60_000);
/** Nothing that saves needs longer, and a deadline cuts it anyway. */
const LONGEST_TIMEOUT_S = 86_400;
/** The API server takes the command in a URL. */
const COMMAND_LIMIT = { words: 64, characters: 4_096 } as const;

/**
 * `exec`: whether commands inside pods are allowed here. `loopback`: whether pods may have this machine's own addresses. A pod with both annotations is told by HTTP. An empty
 * annotation is none.
 */
export function checkpointHookOf(
  pod: Pod,
  { exec, loopback = false }: { readonly exec: boolean; readonly loopback?: boolean },
): CheckpointHook | null {
  const annotations = pod.metadata.annotations ?? {};
  const url = annotations[POD_ANNOTATION.checkpointUrl]?.trim() ?? "";
  if (url !== "") return httpHook(pod, url, loopback);
  const command = annotations[POD_ANNOTATION.checkpointExec]?.trim() ?? "";
  return command === "" ? null : execHook(pod, command, exec);
}

/** True when the pod asks to be told, whether that can be done or not. */
export function hasCheckpointHook(pod: Pod): boolean {
  return checkpointHookOf(pod, { exec: true }) !== null;
}

function httpHook(pod: Pod, value: string, loopback: boolean): CheckpointHook {
  const refuse = (why: string): CheckpointHook => refused(POD_ANNOTATION.checkpointUrl, value, why);
  if (pod.spec.hostNetwork === true) {
    return refuse(
      `the pod is on its node's network (hostNetwork) and has no address of its own; use ${POD_ANNOTATION.checkpointExec}`,
    );
  }
  const url = readHookUrl(value);
  if (url.kind === "refused") return refuse(url.why);
  const addresses = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  const address = ownAddress(url.host, addresses, loopback);
  if (address.kind === "refused") return refuse(address.why);
  const { port, path } = url;
  return { kind: "http", address: address.ip, port, path, ...timeoutOf(pod) };
}

function execHook(pod: Pod, value: string, allowed: boolean): CheckpointHook {
  const refuse = (why: string): CheckpointHook => refused(POD_ANNOTATION.checkpointExec, value, why);
  if (!allowed) {
    return refuse(
      `commands inside pods are off for this agent; set GPUAS_CHECKPOINT_EXEC or use ${POD_ANNOTATION.checkpointUrl}`,
    );
  }
  const command = readCommand(value);
  if (command === null) {
    const { words, characters } = COMMAND_LIMIT;
    return refuse(
      `a JSON list of at most ${words} strings and ${characters} characters is wanted, such as ["python3", "save.py"]`,
    );
  }
  const names = pod.spec.containers.map(({ name }) => name);
  const wanted = pod.metadata.annotations?.[POD_ANNOTATION.checkpointContainer]?.trim() ?? "";
  // The API server does not choose among several, so the first is named.
  const container = wanted === "" ? names[0] : names.find((name) => name === wanted);
  if (container === undefined) {
    return refused(
      POD_ANNOTATION.checkpointContainer,
      wanted,
      `the pod's containers are ${names.join(", ")}; name one of them or take it off`,
    );
  }
  return { kind: "exec", command, container, ...timeoutOf(pod) };
}

function readCommand(text: string): readonly string[] | null {
  const parsed = parseJson(text);
  if (!Array.isArray(parsed) || parsed.length === 0 || parsed.length > COMMAND_LIMIT.words) return null;
  // An empty argument may be meant; an empty program is not, and no argument holds a NUL.
  const words = parsed.filter((word): word is string => typeof word === "string" && !word.includes("\0"));
  if (words.length < parsed.length || words[0] === "") return null;
  return words.join("").length > COMMAND_LIMIT.characters ? null : words;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A mistyped time-out must not cost the pod its save: the usual one is taken, and said. */
function timeoutOf(pod: Pod): { readonly timeoutMs: Millis; readonly note?: string } {
  const value = pod.metadata.annotations?.[POD_ANNOTATION.checkpointTimeout]?.trim() ?? "";
  if (value === "") return { timeoutMs: DEFAULT_TIMEOUT_MS };
  const seconds = /^\d{1,9}(\.\d{1,3})?$/.test(value) ? Number(value) : Number.NaN;
  if (seconds > 0 && seconds <= LONGEST_TIMEOUT_S) return { timeoutMs: millis(Math.round(seconds * 1000)) };
  const why = `seconds from 0.001 to ${LONGEST_TIMEOUT_S} are wanted, such as 90; 60 are taken`;
  return { timeoutMs: DEFAULT_TIMEOUT_MS, note: said(POD_ANNOTATION.checkpointTimeout, value, why) };
}

function refused(annotation: string, value: string, why: string): CheckpointHook {
  return { kind: "refused", why: said(annotation, value, why) };
}

const VALUE_SHOWN = 60;
const SAID_LIMIT = 300;

/** What a checkpoint's detail has room for; the value is a stranger's text. */
function said(annotation: string, value: string, why: string): string {
  const shown = value.replaceAll(/\p{C}/gu, "?");
  const cut = shown.length > VALUE_SHOWN ? `${shown.slice(0, VALUE_SHOWN)}…` : shown;
  return `${annotation} "${cut}": ${why}`.slice(0, SAID_LIMIT);
}
