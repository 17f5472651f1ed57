// What a real API server with our definition of policies says to a spec: taken or refused, field by field. Nothing is
// stored by asking.

import { readFile } from "node:fs/promises";

import { parse } from "yaml";

import { API_GROUP, POLICY } from "../../shared/model/names.ts";
import { eventually } from "../build/eventually.ts";
import type { ControlPlane } from "./start.ts";

export interface PolicyAnswer {
  readonly taken: boolean;
  /** As it would be stored; null when it is refused. */
  readonly spec: unknown;
  /** Field and what is said of it. */
  readonly causes: readonly { readonly field: string; readonly message: string }[];
  /** The whole answer, for a test that fails. */
  readonly text: string;
}

const SHIPPED = new URL("../../deploy/crd/autoscalingpolicies.yaml", import.meta.url);
const POLICIES = `/apis/${POLICY.apiVersion}/${POLICY.plural}`;
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** A CustomResourceDefinition as far as it says how it was taken. */
interface Installed {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

/** Puts the file that is shipped into the server, with nothing in it forgiven. Returns the conditions that it gets. */
export async function installPolicies({
  send,
}: Pick<ControlPlane, "send">): Promise<Readonly<Record<string, string>>> {
  const json: unknown = parse(await readFile(SHIPPED, "utf8"));
  const made = await send({ method: "POST", path: `${DEFINITIONS}?fieldValidation=Strict`, json });
  if (made.status !== 201) throw new Error(`the definition was refused: ${made.status} ${made.text}`);
  await eventually(async () => (await send({ method: "GET", path: POLICIES })).status === 200);
  const { text } = await send({ method: "GET", path: `${DEFINITIONS}/${POLICY.plural}.${API_GROUP}` });
  const { status } = JSON.parse(text) as Installed;
  return Object.fromEntries(
    (status?.conditions ?? []).map((one) => [one.type, `${one.status} ${one.message ?? ""}`.trim()]),
  );
}

/** Asks whether a policy with that spec would be taken, strictly. */
export async function answerTo({ send }: Pick<ControlPlane, "send">, spec: unknown): Promise<PolicyAnswer> {
  const json = { apiVersion: POLICY.apiVersion, kind: POLICY.kind, metadata: { name: "asked" }, spec };
  const path = `${POLICIES}?dryRun=All&fieldValidation=Strict`;
  const { status, text } = await send({ method: "POST", path, json });
  const body = JSON.parse(text) as {
    readonly spec?: unknown;
    readonly message?: string;
    readonly details?: { readonly causes?: readonly { readonly field?: string; readonly message: string }[] };
  };
  if (status === 201) return { taken: true, spec: body.spec, causes: [], text };
  if (status !== 422 && status !== 400) throw new Error(`no answer: ${status} ${text}`);
  const causes = body.details?.causes ?? [{ message: body.message ?? text }];
  return {
    taken: false,
    spec: null,
    causes: causes.map(({ field = "", message }) => ({ field, message })),
    text,
  };
}
