// `gpuasctl doctor`: reads, judges, and prints a line for each check with what to do beneath it. It changes nothing.

import type { Clock } from "../../../shared/runtime/clock.ts";
import type { Command } from "../arguments.ts";
import { findings, verdictOf } from "./checks.ts";
import { readFacts } from "./read.ts";
import type { DoctorClient } from "./read.ts";
import { doctorText } from "./words.ts";

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
  const checks = findings(facts);
  const verdict = verdictOf(checks);
  print(command.json ? JSON.stringify({ verdict, checks }, null, 2) : doctorText(checks));
  return verdict === "ok" ? 0 : 1;
}
