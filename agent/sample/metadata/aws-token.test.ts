import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { kindOf } from "../../../shared/runtime/errors.ts";
import { createLogSink } from "../../../shared/runtime/log.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { ScriptedServer } from "../../../test/build/scripted-server.ts";
import { createTokens } from "./aws-token.ts";
import type { Tokens } from "./aws-token.ts";
import { createMetadataClient } from "./client.ts";
import type { MetadataClient } from "./client.ts";

const TTL = "x-aws-ec2-metadata-token-ttl-seconds";

let server: ScriptedServer;
let clock: FakeClock;
let client: MetadataClient;
let given = 0;
beforeEach(async () => {
  given = 0;
  server = await startScriptedServer((_, reply) => {
    given++;
    reply.text(200, `token-${given}`, { [TTL]: "100" });
  });
  clock = createFakeClock();
  client = createMetadataClient({ bases: [server.url], clock, maxBytes: 65_536, maxSockets: 1 });
});
afterEach(async () => {
  client.close();
  await server[Symbol.asyncDispose]();
});

function tokens(v1 = false): Tokens {
  return createTokens({ client, v1, clock, log: createLogSink().log, signal: new AbortController().signal });
}

describe("tokens", () => {
  test("are asked for by PUT for six hours, and shared by all who need one at once", async () => {
    const held = tokens();
    expect(await Promise.all([held.current(), held.current(), held.current()])).toEqual([
      "token-1",
      "token-1",
      "token-1",
    ]);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      line: "PUT /latest/api/token",
      headers: { [TTL]: "21600" },
    });
  });

  test("are renewed at four fifths of the life that the service says", async () => {
    const held = tokens();
    await held.current();
    await clock.advance(79_000);
    expect(await held.current()).toBe("token-1");
    await clock.advance(1_000);
    expect(await held.current()).toBe("token-2");
  });

  test("hold while their renewal fails, and are tried again each ten seconds", async () => {
    const held = tokens();
    await held.current();
    server.answer((_, reply) => {
      reply.text(503, "");
    });
    await clock.advance(80_000);
    for (let s = 0; s < 19; s++) {
      expect(await held.current()).toBe("token-1");
      await clock.advance(1_000);
    }
    expect(server.requests).toHaveLength(3);
    await clock.advance(1_000);
    await expect(held.current()).rejects.toMatchObject({ kind: "unavailable" });
  });

  test.each([
    ["403", 403, "", "denied"],
    ["400", 400, "", "refused"],
    ["503", 503, "", "unavailable"],
    ["an empty token", 200, "", "malformed"],
    ["a web page", 200, "<html>\n</html>", "malformed"],
    ["a token that would break a header", 200, "a\r\nb: c", "malformed"],
  ])("refuse %s", async (_, status, body, kind) => {
    server.answer((_request, reply) => {
      reply.text(status, body);
    });
    const error: unknown = await tokens()
      .current()
      .catch((one: unknown) => one);
    expect(kindOf(error)).toBe(kind);
  });

  test("are done without for five minutes where the setting allows it and the service gives none", async () => {
    server.answer((_, reply) => {
      reply.text(404, "");
    });
    const held = tokens(true);
    expect(await held.current()).toBeNull();
    await clock.advance(299_000);
    expect(await held.current()).toBeNull();
    expect(server.requests).toHaveLength(1);
    await clock.advance(1_000);
    expect(await held.current()).toBeNull();
    expect(server.requests).toHaveLength(2);
  });

  test("are never done without for a service that is only in trouble", async () => {
    server.answer((_, reply) => {
      reply.text(503, "");
    });
    await expect(tokens(true).current()).rejects.toMatchObject({ kind: "unavailable" });
  });
});
