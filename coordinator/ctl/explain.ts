// `gpuasctl explain` and `gpuasctl decide`: why, from the coordinator that decided or from a snapshot in a file. From
// a file nothing else is needed: no cluster, no coordinator.

import { AppError } from "../../shared/runtime/errors.ts";
import type { Explanation } from "../decide/answer/explanation.ts";
import { decideAndExplain } from "../decide/explained.ts";
import type { Explained } from "../decide/explained.ts";
import { decisionText } from "../report/decision-text.ts";
import { nodeText, podsText, podText, poolText } from "../report/explanation-text.ts";
import type { Command, Source } from "./arguments.ts";
import { readSource, snapshotFrom, snapshotFromText } from "./snapshot-file.ts";

/** A page of the coordinator, read live; null where its decision has no such thing. */
export type ReadPage = (page: string) => Promise<unknown>;

type ExplainCommand = Extract<Command, { readonly word: "explain" }>;
type DecideCommand = Extract<Command, { readonly word: "decide" }>;

const FOLDERS = { pod: "pods", node: "nodes", pool: "pools" } as const;

/** @throws AppError not-found when the decision knows no such thing. */
export async function explain(command: ExplainCommand, readPage: ReadPage): Promise<string> {
  const { what, names, source, json } = command;
  const explanation =
    source.kind === "live"
      ? // Our own coordinator wrote it; one of another version is shown as far as it is the same.
        ((await readPage(
          `/explain/${FOLDERS[what]}/${names.map(encodeURIComponent).join("/")}`,
        )) as Explanation | null)
      : find(await decided(source, readPage), what, names);
  if (explanation === null)
    throw new AppError(
      "not-found",
      `the ${source.kind === "live" ? "last decision" : "snapshot"} knows no ${what} ${names.join("/")}`,
    );
  return json ? JSON.stringify(explanation, null, 2) : explanationText(explanation);
}

function find({ explain: ask }: Explained, what: ExplainCommand["what"], names: readonly string[]) {
  const [first = "", second = ""] = names;
  switch (what) {
    case "pod":
      return ask.pod(names.join("/"));
    case "node":
      return ask.node(first);
    case "pool":
      return ask.pool(first, second);
  }
}

function explanationText(explanation: Explanation): string {
  switch (explanation.kind) {
    case "pod":
      return podText(explanation);
    case "node":
      return nodeText(explanation);
    case "pool":
      return poolText(explanation);
    case "summary":
      return decisionText(explanation.plan);
    default:
      explanation satisfies never;
      return JSON.stringify(explanation, null, 2);
  }
}

export async function decideAgain(command: DecideCommand, readPage: ReadPage): Promise<string> {
  const { decision, explain: ask } = await decided(command.source, readPage);
  const waiting = command.explain ? ask.waiting() : null;
  if (command.json) return JSON.stringify({ ...decision, ...(waiting === null ? {} : { waiting }) }, null, 2);
  return [
    decisionText(decision.plan),
    ...(waiting === null || waiting.length === 0
      ? []
      : ["Pods that wait, and every pool", podsText(waiting)]),
  ].join("\n\n");
}

async function decided(source: Source, readPage: ReadPage): Promise<Explained> {
  return decideAndExplain(
    source.kind === "live"
      ? snapshotFrom(await readPage("/snapshot"), "the coordinator's answer")
      : snapshotFromText(await readSource(source.file), source.file === "-" ? "stdin" : source.file),
  );
}
