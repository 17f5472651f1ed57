// What the API says of a token, asked of a real API server and of our stand-in alike: whose it is, for whom, on which node
// its pod runs, and that it is worth nothing once that pod is gone.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Pod } from "../../shared/model/kube.ts";
import { NODE_CLAIM, POD_NAME_CLAIM, POD_UID_CLAIM } from "../../shared/model/names.ts";
import { seconds } from "../../shared/model/units.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { eventually } from "../build/eventually.ts";
import { BOTH } from "../control-plane/both.ts";
import type { ApiServer } from "../control-plane/both.ts";

interface Status {
  readonly authenticated?: boolean;
  readonly error?: string;
  readonly audiences?: readonly string[];
  readonly user?: {
    readonly username?: string;
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
}

const NODE = "node-of-nobody";
const FOR_NATS = "for-nats";
/** A real server remembers a good answer for ten seconds. */
const FORGOTTEN_MS = 20_000;

describe.each(BOTH)("$name", ({ open, why }) => {
  let server: ApiServer;
  beforeAll(async () => {
    if (why !== null) return;
    server = await open();
    await server.client.create(RESOURCE.nodes, { metadata: { name: NODE } });
    // The stand-in has no service accounts: any name will do there.
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "agent" } };
    const { status } = await server.send("POST", "/api/v1/namespaces/default/serviceaccounts", account);
    if (status !== 201 && status !== 404) throw new Error(`no service account: ${status}`);
  });
  afterAll(async () => {
    if (why === null) await server[Symbol.asyncDispose]();
  });

  const aPod = async (name: string, serviceAccountName = "agent"): Promise<Pod> => {
    const containers = [{ name: "main", image: "main" }];
    const spec = { nodeName: NODE, serviceAccountName, containers } as Pod["spec"];
    return await server.client.create(RESOURCE.pods, { metadata: { namespace: "default", name }, spec });
  };
  const request = async (spec: object): Promise<{ readonly status: number; readonly text: string }> =>
    await server.send("POST", "/api/v1/namespaces/default/serviceaccounts/agent/token", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec,
    });
  const tokenFor = async ({ metadata: { name, uid } }: Pod): Promise<string> => {
    const boundObjectRef = { apiVersion: "v1", kind: "Pod", name, uid };
    const { status, text } = await request({ audiences: [FOR_NATS], boundObjectRef });
    if (status !== 201) throw new Error(`${status} ${text}`);
    return (JSON.parse(text) as { readonly status: { readonly token: string } }).status.token;
  };
  const review = async (token: string, audiences?: readonly string[]): Promise<Status> => {
    const { status, text } = await server.send("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token, ...(audiences === undefined ? {} : { audiences }) },
    });
    if (status !== 201) throw new Error(`${status} ${text}`);
    return (JSON.parse(text) as { readonly status: Status }).status;
  };

  test.skipIf(why !== null)(
    "names the account, the pod and its node for the audience that it is for",
    async () => {
      const pod = await aPod("good");
      const token = await tokenFor(pod);
      expect(await review(token, [FOR_NATS, "another"])).toMatchObject({
        authenticated: true,
        audiences: [FOR_NATS],
        user: {
          username: "system:serviceaccount:default:agent",
          extra: {
            [NODE_CLAIM]: [NODE],
            [POD_NAME_CLAIM]: ["good"],
            [POD_UID_CLAIM]: [pod.metadata.uid],
          },
        },
      });
      const payload = JSON.parse(
        Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"),
      ) as object;
      expect(payload).toMatchObject({ aud: [FOR_NATS], exp: expect.any(Number) as number });
    },
  );

  test.skipIf(why !== null)("refuses it for another audience, and for the server itself", async () => {
    const token = await tokenFor(await aPod("elsewhere"));
    for (const audiences of [["another"], undefined]) {
      const status = await review(token, audiences);
      expect(status.authenticated ?? false).toBe(false);
      expect(status.error).toContain("invalid for the target audiences");
    }
  });

  test.skipIf(why !== null)("refuses what it has not signed", async () => {
    const token = await tokenFor(await aPod("forged"));
    for (const forged of ["nothing", `${token.slice(0, -4)}AAAA`]) {
      const status = await review(forged, [FOR_NATS]);
      expect(status.authenticated ?? false).toBe(false);
      expect(status.error).toContain("invalid bearer token");
    }
  });

  test.skipIf(why !== null)(
    "refuses it when its pod is gone, also for a successor of the same name",
    async () => {
      const pod = await aPod("gone");
      const token = await tokenFor(pod);
      expect((await review(token, [FOR_NATS])).authenticated).toBe(true);
      await server.client.delete(RESOURCE.pods, pod.metadata as { namespace: string; name: string }, {
        graceSeconds: seconds(0),
      });
      await eventually(async () => (await review(token, [FOR_NATS])).authenticated !== true, {
        withinMs: FORGOTTEN_MS,
      });
      await aPod("gone");
      const status = await review(token, [FOR_NATS]);
      expect(status.authenticated ?? false).toBe(false);
      expect(status.error).toContain("invalid bearer token");
    },
  );

  test.skipIf(why !== null)(
    "gives none for a pod of another account, that is not there, or for too short",
    async () => {
      const { metadata } = await aPod("other", "default");
      const boundTo = (name: string, uid = ""): object => ({
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
      });
      expect((await request(boundTo("other", metadata.uid))).status).toBe(400);
      expect((await request(boundTo("nobody"))).status).toBe(404);
      await aPod("mine");
      expect((await request(boundTo("mine", "another"))).status).toBe(409);
      expect((await request({ expirationSeconds: 10 })).status).toBe(422);
    },
  );
});
