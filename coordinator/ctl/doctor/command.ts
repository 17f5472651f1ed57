// `gpuasctl doctor`: reads, judges, and prints a line for each check with what to do beneath it; of one topic also what it
// was judged by. It changes nothing.

import type { Clock } from "../../../shared/runtime/clock.ts";
import type { Command } from "../arguments.ts";
import { findings, verdictOf } from "./checks.ts";
import type { Finding } from "./finding.ts";
import { readFacts } from "./read.ts";
import type { DoctorClient } from "./read.ts";
import { TOPIC_PARTS } from "./topics.ts";
import { doctorText, rowsText } from "./words.ts";

export type DoctorCommand = Extract<Command, { readonly word: "doctor" }>;

export interface DoctorContext {
  readonly client: DoctorClient;
  readonly print: (text: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The exit code: 0 only when every check is well. */
export async function doctor(command: DoctorCommand, context: DoctorContext): Promise<number> {
  const { client, clock, signal, print } = context;
  const facts = await readFacts({ client, service: command.service, now: () => clock.now(), signal });
  const part = command.topic === null ? null : TOPIC_PARTS[command.topic];
  const names: readonly string[] | null = part?.checks ?? null;
  const checks: readonly Finding[] = findings(facts).filter(({ check }) => names?.includes(check) ?? true);
  const rows = part?.rows(facts) ?? null;
  const verdict = verdictOf(checks);
  if (command.json) print(JSON.stringify({ verdict, checks, ...(rows === null ? {} : { rows }) }, null, 2));
  else
    print([...(rows === null || rows.length === 0 ? [] : [rowsText(rows)]), doctorText(checks)].join("\n\n"));
  return verdict === "ok" ? 0 : 1;
}
