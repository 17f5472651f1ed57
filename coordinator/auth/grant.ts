// What an agent may do on NATS, written out for one node: say what agents say, on that node's subjects, and hear what it is
// asked and told and its own answers. Everything that is not listed is refused by the server: other nodes, buckets,
// streams, other clients' answers.

import { inboxPrefixFor, subjectFor } from "../../shared/contract/subjects.ts";
import { millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Claims } from "./claims.ts";

/** Of a service-account token, as the Kubernetes API has confirmed it. */
export interface AgentIdentity {
  readonly node: string;
  readonly pod: string;
  readonly podUid: string;
  /** When its token ends. */
  readonly expiresAt: EpochMs;
}

/** A token may be good for a year. After an hour it is looked at again: its pod may be gone. */
export const LONGEST_SESSION_MS = millis(3_600_000);
/** An answer to `ask` is one message, sent at once. */
const ANSWER_WITHIN_NS = 10_000_000_000;
const UNLIMITED = -1;

export interface GrantOptions {
  /** The NATS account in which the agents meet the coordinator. */
  readonly account: string;
  readonly subjectRoot: string;
}

/** Claims of the connection's user. @throws RangeError when the node's name is none of Kubernetes'. */
export function grantFor(
  { node, pod, expiresAt }: AgentIdentity,
  user: string,
  { account, subjectRoot }: GrantOptions,
  now: EpochMs,
): Claims {
  const endsAt = Math.min(expiresAt, now + LONGEST_SESSION_MS);
  return {
    sub: user,
    aud: account,
    // What the server's own pages show for the connection.
    name: `${node} ${pod}`,
    exp: Math.floor(endsAt / 1000),
    nats: {
      type: "user",
      pub: {
        allow: (["report", "notice", "drain", "health"] as const).map((kind) =>
          subjectFor(kind, node, subjectRoot),
        ),
      },
      sub: {
        allow: [
          `${inboxPrefixFor(node)}.>`,
          subjectFor("ask", node, subjectRoot),
          subjectFor("tell", node, subjectRoot),
        ],
      },
      // To the inbox of whoever asks, which no list can name.
      resp: { max: 1, ttl: ANSWER_WITHIN_NS },
      allowed_connection_types: ["STANDARD"],
      subs: UNLIMITED,
      data: UNLIMITED,
      payload: UNLIMITED,
    },
  };
}
