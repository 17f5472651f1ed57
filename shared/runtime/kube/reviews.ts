// Two questions to the API server about somebody who calls us: whose token it is (TokenReview), and whether that account may
// GET an address that is no object, as /metrics (SubjectAccessReview). It remembers nothing; token-auth.ts does.

import * as z from "zod";

import type { KubeObject } from "../../model/kube.ts";
import { AppError } from "../errors.ts";
import type { CallOptions, KubeClient } from "./client.ts";
import type { Resource } from "./resources.ts";

export interface TokenReview extends KubeObject {
  /** Without audiences the token has to be for the API server itself. */
  readonly spec: { readonly token: string; readonly audiences?: readonly string[] };
}

export const TOKEN_REVIEWS: Resource<TokenReview> = {
  group: "authentication.k8s.io",
  version: "v1",
  plural: "tokenreviews",
  kind: "TokenReview",
  namespaced: false,
};

interface SubjectAccessReview extends KubeObject {
  readonly spec: {
    readonly user: string;
    readonly uid?: string;
    readonly groups?: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
    readonly nonResourceAttributes: { readonly path: string; readonly verb: string };
  };
}

const ACCESS_REVIEWS: Resource<SubjectAccessReview> = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "subjectaccessreviews",
  kind: "SubjectAccessReview",
  namespaced: false,
};

const tokenAnswer = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    user: z
      .object({
        username: z.string().optional(),
        uid: z.string().optional(),
        groups: z.array(z.string()).optional(),
        extra: z.record(z.string(), z.array(z.string())).optional(),
      })
      .optional(),
  }),
});
const accessAnswer = z.object({
  status: z.object({ allowed: z.boolean().optional(), denied: z.boolean().optional() }),
});

export type ReviewClient = Pick<KubeClient, "create">;

/** As the API server knows it, for the next question about it. */
export interface Caller {
  readonly user: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/**
 * Null: the token is nobody's, over, or for another audience than the API server.
 * @throws AppError when the server does not answer, or with something else than a review.
 */
export async function callerOf(
  client: ReviewClient,
  token: string,
  options?: CallOptions,
): Promise<Caller | null> {
  const answer = await client.create(TOKEN_REVIEWS, { metadata: { name: "" }, spec: { token } }, options);
  const { authenticated = false, user } = understood(tokenAnswer, answer, "TokenReview").status;
  const { username = "", uid, groups, extra } = user ?? {};
  // A user without a name is nobody about whom anything could be asked.
  if (!authenticated || username === "") return null;
  return {
    user: username,
    ...(uid === undefined ? {} : { uid }),
    ...(groups === undefined ? {} : { groups }),
    ...(extra === undefined ? {} : { extra }),
  };
}

/** @throws AppError when the server does not answer, or with something else than a review. */
export async function mayGet(
  client: ReviewClient,
  caller: Caller,
  path: string,
  options?: CallOptions,
): Promise<boolean> {
  const spec = { ...caller, nonResourceAttributes: { path, verb: "get" } };
  const answer = await client.create(ACCESS_REVIEWS, { metadata: { name: "" }, spec }, options);
  const { allowed = false, denied = false } = understood(accessAnswer, answer, "SubjectAccessReview").status;
  return allowed && !denied;
}

function understood<T>(schema: z.ZodType<T>, answer: unknown, kind: string): T {
  const parsed = schema.safeParse(answer);
  if (!parsed.success)
    throw new AppError("malformed", `the answer is no ${kind}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
