// Answers NATS whenever somebody connects: on every replica, leading or not, one of them for each request. It counts and
// logs what it answered. When none of them runs, NATS lets nobody new in and keeps whom it has.

import { readFileSync } from "node:fs";

import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import { answerLogin } from "./answer.ts";
import type { AnswerOptions, LoginOutcome } from "./answer.ts";
import { accountSigner, sealingKey } from "./nkeys.ts";
import { SERVER_XKEY_HEADER } from "./request.ts";
import { reviewToken } from "./review.ts";
import type { Denial } from "./review.ts";

/** Where a NATS server asks. Nobody else can: the server keeps its clients from publishing there. */
export const CALLOUT_SUBJECT = "$SYS.REQ.USER.AUTH";
const QUEUE = "gpu-autoscaler-coordinator";
/** A fleet that comes back at once: so many at a time, and so many more wait; older ones NATS has given up by then. */
const AT_ONCE = 64;
const WAITING = 1_024;

export interface CalloutOptions extends Pick<AnswerOptions, "issuer" | "xkey" | "account" | "subjectRoot"> {
  readonly nats: Pick<Nats, "reply">;
  readonly client: Pick<KubeClient, "create">;
  readonly audience: string;
  /** `namespace/name` */
  readonly serviceAccount: string;
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly log: Log;
  /** Called once for each answer. */
  readonly onAnswer: (result: "accepted" | Denial) => void;
  readonly signal: AbortSignal;
}

/** Until the signal. */
export async function answerLogins(options: CalloutOptions): Promise<void> {
  const { nats, client, audience, serviceAccount, clock, log, onAnswer, signal } = options;
  const quiet = createQuietLog(log, clock);
  const tell = (outcome: LoginOutcome): void => {
    const fields = { part: "nats", from: outcome.from };
    if (outcome.kind === "accepted") {
      onAnswer("accepted");
      log.debug(
        { ...fields, node: outcome.identity.node, pod: outcome.identity.pod },
        "agent may connect to nats",
      );
      return;
    }
    onAnswer(outcome.reason);
    const reason = `${outcome.reason}: ${outcome.detail}`;
    quiet.log(outcome.reason, "warn", { ...fields, reason }, "somebody may not connect to nats");
  };
  const answering: AnswerOptions = {
    ...options,
    review: async (token) => await reviewToken(token, { client, audience, serviceAccount }),
    now: () => clock.now(),
  };
  // NATS takes no answer of another key than the one that it is configured with: here it can be compared.
  log.info({ part: "nats", name: options.issuer.publicKey }, "answering who may connect to nats");
  await nats.reply(
    CALLOUT_SUBJECT,
    async ({ data, header }) => {
      const { answer, outcome } = await answerLogin(data, header(SERVER_XKEY_HEADER), answering);
      tell(outcome);
      return answer;
    },
    { signal, queue: QUEUE, concurrency: AT_ONCE, bound: WAITING },
  );
}

export interface CalloutSettings {
  readonly natsCallout: boolean;
  readonly natsIssuerFile: string | null;
  readonly natsXkeyFile: string | null;
  readonly agentServiceAccount: string;
}

/** Null when the callout is off. @throws AppError settings when a seed is missing or is none, or no account is named. */
export function calloutKeys(values: CalloutSettings): Pick<AnswerOptions, "issuer" | "xkey"> | null {
  const { natsCallout, natsIssuerFile, natsXkeyFile, agentServiceAccount } = values;
  if (!natsCallout) return null;
  if (!/^[^/:]+\/[^/:]+$/.test(agentServiceAccount))
    throw new AppError(
      "settings",
      `GPUAS_AGENT_SERVICE_ACCOUNT must be namespace/name, got ${JSON.stringify(agentServiceAccount)}`,
    );
  if (natsIssuerFile === null)
    throw new AppError(
      "settings",
      "GPUAS_NATS_CALLOUT is true, and GPUAS_NATS_ISSUER_FILE, with which the answers are signed, is not set",
    );
  return {
    issuer: accountSigner(seedIn(natsIssuerFile, "GPUAS_NATS_ISSUER_FILE"), "GPUAS_NATS_ISSUER_FILE"),
    xkey:
      natsXkeyFile === null
        ? null
        : sealingKey(seedIn(natsXkeyFile, "GPUAS_NATS_XKEY_FILE"), "GPUAS_NATS_XKEY_FILE"),
  };
}

function seedIn(path: string, setting: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AppError("settings", `${setting}: cannot read ${path}`, { cause });
  }
}
