import { afterEach, describe, expect, test } from "vitest";

import type { Pod } from "../../../shared/model/kube.ts";
import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { createLogSink } from "../../../shared/runtime/log.ts";
import { settle } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { clientFor } from "../../../test/build/kube-client.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { Script, ScriptedServer } from "../../../test/build/scripted-server.ts";
import { createDeadlineMarks, wantsDeadline } from "./deadline-mark.ts";
import type { DeadlineMarks } from "./deadline-mark.ts";

const DEADLINE = epochMs(Date.UTC(2026, 0, 1, 0, 2));
const MARKED = "2026-01-01T00:02:00.000Z";
const HOOK = { [POD_ANNOTATION.checkpointUrl]: "http://:8080/checkpoint" };

function podOf(name: string, annotations: Readonly<Record<string, string>> = HOOK): Pod {
  return {
    metadata: { namespace: "team-a", name, uid: `uid-${name}`, annotations },
    spec: { containers: [{ name: "main" }] },
  };
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function bench(
  script: Script = (_, reply) => {
    reply.json(200, { metadata: { name: "x" } });
  },
): Promise<{
  readonly marks: DeadlineMarks;
  readonly api: ScriptedServer;
  readonly lines: ReturnType<typeof createLogSink>["lines"];
}> {
  const api = await startScriptedServer(script);
  const client = clientFor(api.url, systemClock);
  const stop = new AbortController();
  const { log, lines } = createLogSink("info");
  closing.push(async () => {
    stop.abort();
    client.close();
    await api[Symbol.asyncDispose]();
  });
  return { marks: createDeadlineMarks({ client, log, signal: stop.signal }), api, lines };
}

describe("createDeadlineMarks()", () => {
  test("writes the deadline on pods that want to know it, once, and on no pod of another UID", async () => {
    const { marks, api } = await bench();
    const pods = [
      podOf("hook"),
      podOf("keep", { [POD_ANNOTATION.evictionMode]: "keep" }),
      podOf("plain", {}),
    ];
    marks.mark(pods, DEADLINE);
    marks.mark(pods, DEADLINE);
    await eventually(() => api.requests.length === 2);
    await settle();
    expect(api.requests.map(({ line }) => line).toSorted()).toEqual([
      "PATCH /api/v1/namespaces/team-a/pods/hook",
      "PATCH /api/v1/namespaces/team-a/pods/keep",
    ]);
    const hook = api.requests.find(({ path }) => path.endsWith("/hook"));
    expect(hook?.headers["content-type"]).toBe("application/merge-patch+json");
    expect(hook?.body).toEqual({
      metadata: { uid: "uid-hook", annotations: { [POD_ANNOTATION.terminationDeadline]: MARKED } },
    });
  });

  test("writes an earlier deadline over the one before, and takes it off", async () => {
    const { marks, api } = await bench();
    const earlier = epochMs(DEADLINE - 60_000);
    for (const [n, deadline] of [DEADLINE, earlier, null].entries()) {
      marks.mark([podOf("a")], deadline);
      await api.received("PATCH", n + 1);
      await settle();
    }
    marks.mark([podOf("a", { ...HOOK, [POD_ANNOTATION.terminationDeadline]: MARKED })], null);
    await settle();
    const values = api.requests.map(({ body }) => JSON.stringify(body).match(/deadline":([^}]+)/)?.[1]);
    expect(values).toEqual([`"${MARKED}"`, '"2026-01-01T00:01:00.000Z"', "null"]);
  });

  test("leaves alone what is there already, of this process or another", async () => {
    const { marks, api } = await bench();
    marks.mark([podOf("a", { ...HOOK, [POD_ANNOTATION.terminationDeadline]: MARKED })], DEADLINE);
    marks.mark([podOf("b")], null);
    marks.mark([podOf("c", { [POD_ANNOTATION.terminationDeadline]: MARKED })], null);
    await api.received("PATCH /api/v1/namespaces/team-a/pods/c");
    expect(api.requests).toHaveLength(1);
  });

  test("asks four at a time", async () => {
    const waiting: (() => void)[] = [];
    const { marks, api } = await bench((_, reply) => {
      waiting.push(() => {
        reply.json(200, { metadata: { name: "x" } });
      });
    });
    marks.mark(
      Array.from({ length: 6 }, (_, n) => podOf(`p${n}`)),
      DEADLINE,
    );
    await api.received("PATCH", 4);
    await settle();
    expect(api.requests).toHaveLength(4);
    for (const answer of waiting.splice(0)) answer();
    await api.received("PATCH", 6);
    for (const answer of waiting.splice(0)) answer();
  });

  test("a right that is missing is said once, and costs no more calls", async () => {
    const { marks, api, lines } = await bench((_, reply) => {
      reply.json(403, { kind: "Status", code: 403, reason: "Forbidden", message: "no" });
    });
    marks.mark([podOf("a")], DEADLINE);
    await eventually(() => lines.length === 1);
    marks.mark([podOf("a"), podOf("b")], DEADLINE);
    await settle();
    expect(api.requests).toHaveLength(1);
    expect(lines).toMatchObject([{ level: "info" }]);
  });

  test.each([404, 409, 500])("%i is nobody's trouble, and the next call tries again", async (status) => {
    const { marks, api, lines } = await bench((_, reply) => {
      reply.json(status, { kind: "Status", code: status });
    });
    marks.mark([podOf("a")], DEADLINE);
    await api.received("PATCH");
    await eventually(() => {
      marks.mark([podOf("a")], DEADLINE);
      return api.requests.length > 1;
    });
    expect(lines).toEqual([]);
  });
});

describe("wantsDeadline()", () => {
  test.each([
    [{}, false],
    [{ [POD_ANNOTATION.evictionMode]: "keep" }, true],
    [{ [POD_ANNOTATION.evictionMode]: "evict" }, false],
    [{ [POD_ANNOTATION.checkpointExec]: '["save"]' }, true],
    [{ [POD_ANNOTATION.checkpointUrl]: "https://wrong" }, true],
    [{ [POD_ANNOTATION.checkpointUrl]: "" }, false],
  ])("%j: %j", (annotations, wanted) => {
    expect(wantsDeadline(podOf("a", annotations))).toBe(wanted);
  });
});
