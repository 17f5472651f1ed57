import { afterEach, describe, expect, test } from "vitest";

import { createFakeClock } from "../../test/build/clock.ts";
import { clientFor } from "../../test/build/kube-client.ts";
import { startScriptedServer } from "../../test/build/scripted-server.ts";
import type { Script, ScriptedServer } from "../../test/build/scripted-server.ts";
import { readLive } from "./live.ts";

const SERVICE = { namespace: "ops", name: "scaler", port: "9403" };
const BY_SERVICE = "/api/v1/namespaces/ops/services/http%3Ascaler%3A9403/proxy/explain";
const BY_POD = "/api/v1/namespaces/ops/pods/http%3Acoordinator-1%3A9403/proxy/explain";
const LEASE = "/apis/coordination.k8s.io/v1/namespaces/ops/leases/gpu-autoscaler-coordinator";

const open: ScriptedServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(async (server) => await server[Symbol.asyncDispose]()));
});

async function ask(
  script: Script,
): Promise<{ readonly answer: Promise<unknown>; readonly paths: () => string[] }> {
  const server = await startScriptedServer(script);
  open.push(server);
  const client = clientFor(server.url, createFakeClock());
  const answer = readLive(client, SERVICE, "/explain").finally(() => client.close());
  answer.catch(() => undefined);
  return { answer, paths: () => server.requests.map(({ path }) => path) };
}

const refusal = (code: number, message: string) => ({ kind: "Status", status: "Failure", code, message });
const lease = (holder: string) => ({ metadata: { name: "l" }, spec: { holderIdentity: holder } });

describe("readLive()", () => {
  test("asks through the service proxy", async () => {
    const { answer, paths } = await ask((_, reply) => reply.json(200, { kind: "summary" }));
    expect(await answer).toEqual({ kind: "summary" });
    expect(paths()).toEqual([BY_SERVICE]);
  });

  test("asks the leader's own pod when the service chose a replica that follows", async () => {
    const { answer, paths } = await ask(({ path }, reply) => {
      if (path === BY_SERVICE) reply.json(503, refusal(503, "this replica has decided nothing"));
      else if (path === LEASE) reply.json(200, lease("coordinator-1_17-a3"));
      else reply.json(200, { kind: "summary" });
    });
    expect(await answer).toEqual({ kind: "summary" });
    expect(paths()).toEqual([BY_SERVICE, LEASE, BY_POD]);
  });

  test("gives the replica's own words when nobody leads, and where it looked", async () => {
    const { answer } = await ask(({ path }, reply) => {
      if (path === LEASE) reply.json(200, lease(""));
      else reply.json(503, refusal(503, "this replica has decided nothing yet"));
    });
    await expect(answer).rejects.toMatchObject({
      kind: "unavailable",
      message: expect.stringMatching(
        /this replica has decided nothing yet\n.*looked for at ops\/scaler:9403; --service/,
      ) as unknown,
    });
  });

  test("tells a thing that the decision does not have from a page that is not there", async () => {
    const { answer, paths } = await ask((_, reply) =>
      reply.json(404, { ...refusal(404, "the last decision knows no x"), reason: "NotInDecision" }),
    );
    expect(await answer).toBeNull();
    expect(paths()).toHaveLength(1);
  });

  test.each([
    [404, 'services "http:scaler:9403" not found', "not-found", "--service names another place"],
    [
      403,
      "services is forbidden",
      "denied",
      "the verb get on services/proxy and pods/proxy in namespace ops",
    ],
  ])("says what to do about %i", async (code, message, kind, hint) => {
    const { answer, paths } = await ask((_, reply) => reply.json(code, refusal(code, message)));
    await expect(answer).rejects.toMatchObject({ kind, message: expect.stringContaining(hint) as unknown });
    expect(paths()).toHaveLength(1);
  });
});
