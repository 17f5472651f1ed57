// Whose token it is, by the Kubernetes API's word: it knows whether the token is real, not over, meant for us, and whether
// the pod that it was given to is still there. The node is what the API says of that pod, never what the agent says.

import * as z from "zod";

import { NODE_CLAIM, POD_NAME_CLAIM, POD_UID_CLAIM } from "../../shared/model/names.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import { describe } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { TOKEN_REVIEWS } from "../../shared/runtime/kube/reviews.ts";
import { objectIn } from "./claims.ts";
import type { AgentIdentity } from "./grant.ts";

/** Why somebody may not connect. The keys of a metric: each is explained there. */
export const DENIALS = {
  unreadable: "the request is not one of a NATS server",
  "no-token": "no token was presented",
  "no-review": "the Kubernetes API did not answer",
  "not-authentic":
    "the Kubernetes API does not accept the token: over, of a pod that is gone, or for another audience",
  "wrong-account": "the token is of another service account than the agent's",
  "not-bound": "the token is not bound to a pod on a node, or has no end",
} as const;
export type Denial = keyof typeof DENIALS;

export type Reviewed =
  | { readonly kind: "agent"; readonly identity: AgentIdentity }
  | { readonly kind: "denied"; readonly reason: Denial; readonly detail: string };

/** NATS gives up after two seconds by its default; an answer that comes later is for nobody. */
const REVIEW_MS = millis(1_500);
/** Larger than any token of a cluster, and than NATS takes in one line. */
const MAX_TOKEN = 16 * 1024;

const answerSchema = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    error: z.string().optional(),
    audiences: z.array(z.string()).optional(),
    user: z
      .object({
        username: z.string().optional(),
        extra: z.record(z.string(), z.array(z.string())).optional(),
      })
      .optional(),
  }),
});

export interface ReviewOptions {
  readonly client: Pick<KubeClient, "create">;
  readonly audience: string;
  /** `namespace/name` */
  readonly serviceAccount: string;
  readonly deadlineMs?: Millis;
}

/** Never throws: whoever is not known to be the agent of a node is denied, with the reason. */
export async function reviewToken(token: string, options: ReviewOptions): Promise<Reviewed> {
  const { client, audience, deadlineMs = REVIEW_MS } = options;
  if (token.length > MAX_TOKEN) return denied("not-authentic", "the token is too long");
  const asked = { metadata: { name: "" }, spec: { token, audiences: [audience] } };
  let answer: unknown;
  try {
    answer = await client.create(TOKEN_REVIEWS, asked, { deadlineMs });
  } catch (error) {
    return denied("no-review", describe(error));
  }
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success) return denied("no-review", z.prettifyError(parsed.error));
  const { authenticated = false, error = "no reason given", audiences = [], user } = parsed.data.status;
  if (!authenticated) return denied("not-authentic", error);
  // A server that does not know audiences names none, and its yes is for itself alone.
  if (!audiences.includes(audience))
    return denied("not-authentic", `the token is not for the audience ${audience}`);
  return identityOf(token, user ?? {}, options);
}

function identityOf(
  token: string,
  { username = "", extra = {} }: NonNullable<z.infer<typeof answerSchema>["status"]["user"]>,
  { serviceAccount }: ReviewOptions,
): Reviewed {
  if (username !== `system:serviceaccount:${serviceAccount.replace("/", ":")}`)
    return denied("wrong-account", `${username} is not the agents' service account, ${serviceAccount}`);
  const node = only(extra[NODE_CLAIM]);
  const pod = only(extra[POD_NAME_CLAIM]);
  const podUid = only(extra[POD_UID_CLAIM]);
  if (node === null || pod === null || podUid === null)
    return denied("not-bound", `the token of ${username} names no pod on a node`);
  const expiresAt = endOf(token);
  if (expiresAt === null) return denied("not-bound", `the token of ${username} on ${node} has no end`);
  return { kind: "agent", identity: { node, pod, podUid, expiresAt } };
}

/** The review does not say it. What the token says of itself is proven by then. */
function endOf(token: string): EpochMs | null {
  const exp = objectIn(token.split(".")[1] ?? "")?.["exp"];
  return typeof exp === "number" && Number.isFinite(exp) ? epochMs(exp * 1000) : null;
}

function only(values: readonly string[] | undefined): string | null {
  return values?.length === 1 && values[0] !== "" ? (values[0] ?? null) : null;
}

function denied(reason: Denial, detail: string): Reviewed {
  return { kind: "denied", reason, detail };
}
