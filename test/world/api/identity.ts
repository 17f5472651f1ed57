// Tokens of service accounts, and what they are worth: TokenRequest and TokenReview as a real API server answers them. There
// are no service accounts in the world, so any name has tokens; a pod that one is bound to has to be there, and to be its own.

import { createHmac, randomBytes } from "node:crypto";

import type { World } from "../../../coordinator/replay/world.ts";
import type { Pod } from "../../../shared/model/kube.ts";
import { NODE_CLAIM, POD_NAME_CLAIM, POD_UID_CLAIM } from "../../../shared/model/names.ts";
import { parsed } from "./call.ts";
import type { Reply } from "./call.ts";
import { isJsonObject } from "./patch.ts";
import { badRequest, Refusal } from "./refusal.ts";

export type IdentityRoute =
  | { readonly kind: "token-request"; readonly namespace: string; readonly account: string }
  | { readonly kind: "token-review" };

/** Of the server itself: what a token is for that asks for nothing else. */
const ISSUER = "https://kubernetes.default.svc";
const LIFE_S = 3_600;
const SHORTEST_S = 600;

/** Null for any other request. */
export function identityRoute(method: string, path: string): IdentityRoute | null {
  if (method !== "POST") return null;
  if (path === "/apis/authentication.k8s.io/v1/tokenreviews") return { kind: "token-review" };
  const found = /^\/api\/v1\/namespaces\/([^/]+)\/serviceaccounts\/([^/]+)\/token$/.exec(path);
  if (found === null) return null;
  const [, namespace = "", account = ""] = found;
  return { kind: "token-request", namespace, account };
}

interface Payload {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly sub: string;
  readonly pod?: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly node?: string;
  };
}

export interface Identities {
  /** @throws Refusal for everything that a server refuses. */
  answer(route: IdentityRoute, body: string): Reply;
}

export function createIdentities(world: World): Identities {
  // A token of another server, or of this one before it was started again, is nobody's.
  const key = randomBytes(32);
  const sign = (text: string): string => createHmac("sha256", key).update(text).digest("base64url");

  function request(
    { namespace, account }: Extract<IdentityRoute, { kind: "token-request" }>,
    body: string,
  ): Reply {
    const asked = specIn(body);
    const audiences = textsIn(asked["audiences"]) ?? [ISSUER];
    const life = asked["expirationSeconds"] ?? LIFE_S;
    if (typeof life !== "number" || life < SHORTEST_S)
      throw new Refusal(
        422,
        "Invalid",
        `spec.expirationSeconds: Invalid value: ${JSON.stringify(life)}: may not specify a duration less than 10 minutes`,
      );
    const bound = asked["boundObjectRef"];
    const pod = isJsonObject(bound) ? boundPod(namespace, account, bound) : undefined;
    const exp = Math.floor(world.now / 1000) + life;
    const payload: Payload = {
      aud: audiences,
      exp,
      sub: `system:serviceaccount:${namespace}:${account}`,
      ...(pod === undefined ? {} : { pod }),
    };
    const text = `${encoded({ alg: "HS256" })}.${encoded(payload)}`;
    const status = {
      token: `${text}.${sign(text)}`,
      expirationTimestamp: new Date(exp * 1000).toISOString(),
    };
    const metadata = { name: account, namespace };
    return { code: 201, body: { kind: "TokenRequest", apiVersion: V1, metadata, spec: asked, status } };
  }

  function boundPod(
    namespace: string,
    account: string,
    { kind, name, uid }: Readonly<Record<string, unknown>>,
  ): Payload["pod"] {
    if (kind !== "Pod" || typeof name !== "string") throw badRequest("cannot bind token to that object");
    const pod = world.get("pods", { namespace, name });
    if (pod === null) throw new Refusal(404, "NotFound", `pods "${name}" not found`);
    if (serviceAccountOf(pod) !== account)
      throw badRequest(
        `cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`,
      );
    if (uid !== undefined && uid !== pod.metadata.uid)
      throw new Refusal(
        409,
        "Conflict",
        `the UID in the bound object reference (${JSON.stringify(uid)}) does not match`,
      );
    const node = pod.spec.nodeName;
    return { namespace, name, uid: pod.metadata.uid ?? "", ...(node === undefined ? {} : { node }) };
  }

  function review(body: string): Reply {
    const spec = specIn(body);
    const audiences = textsIn(spec["audiences"]) ?? [];
    const wanted = audiences.length === 0 ? [ISSUER] : audiences;
    const status = statusOf(typeof spec["token"] === "string" ? spec["token"] : "", wanted);
    const metadata = { creationTimestamp: null };
    return { code: 201, body: { kind: "TokenReview", apiVersion: V1, metadata, spec, status } };
  }

  function statusOf(token: string, wanted: readonly string[]): object {
    const [header = "", body = "", signature = ""] = token.split(".");
    if (signature === "" || sign(`${header}.${body}`) !== signature) return refused("invalid bearer token");
    // Only what was signed here comes so far.
    const payload = JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as Payload;
    const audiences = wanted.filter((one) => payload.aud.includes(one));
    if (audiences.length === 0)
      return refused(
        `token audiences ${JSON.stringify(payload.aud)} is invalid for the target audiences ${JSON.stringify(wanted)}`,
      );
    if (payload.exp * 1000 <= world.now) return refused("service account token has expired");
    const { pod } = payload;
    if (pod !== undefined && world.get("pods", pod)?.metadata.uid !== pod.uid)
      return refused("service account token has been invalidated");
    const [, , namespace = ""] = payload.sub.split(":");
    const extra = {
      ...(pod === undefined ? {} : { [POD_NAME_CLAIM]: [pod.name], [POD_UID_CLAIM]: [pod.uid] }),
      ...(pod?.node === undefined ? {} : { [NODE_CLAIM]: [pod.node] }),
    };
    const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
    return { authenticated: true, user: { username: payload.sub, groups, extra }, audiences };
  }

  return {
    answer: (route, body) => (route.kind === "token-review" ? review(body) : request(route, body)),
  };
}

const V1 = "authentication.k8s.io/v1";

function refused(why: string): object {
  return { user: {}, error: `[invalid bearer token, ${why}]` };
}

/** An account that is not named is the namespace's default one. */
function serviceAccountOf(pod: Pod): string {
  const { serviceAccountName } = pod.spec as { readonly serviceAccountName?: string };
  return serviceAccountName ?? "default";
}

function specIn(body: string): Readonly<Record<string, unknown>> {
  const given = parsed(body, badRequest);
  if (!isJsonObject(given) || !isJsonObject(given["spec"] ?? {})) throw badRequest("spec must be an object");
  return isJsonObject(given["spec"]) ? given["spec"] : {};
}

function textsIn(value: unknown): readonly string[] | null {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string")
    ? value
    : null;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
