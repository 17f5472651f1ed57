import http from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";

import { describe, expect, test } from "vitest";

import { callPod } from "./exchange.ts";

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);

describe("callPod()", () => {
  test.skipIf(!hasIpv6)("calls an IPv6 address as it stands", async () => {
    const hosts: (string | undefined)[] = [];
    const server = http.createServer((request, response) => {
      hosts.push(request.headers.host);
      response.end("ok");
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "::1", resolve);
    });
    const { port } = server.address() as AddressInfo;
    const request = { method: "POST", address: "::1", port, path: "/", eventId: "e", body: "{}" } as const;
    const reply = await callPod(request, { signal: new AbortController().signal, onSent: () => {} });
    expect(reply).toEqual({ kind: "answer", status: 200, text: "ok" });
    expect(hosts).toEqual([`[::1]:${port}`]);
    server.close();
  });

  test("says when the request is out, and not before", async () => {
    let sent = 0;
    const request = {
      method: "POST",
      address: "127.0.0.1",
      port: 1,
      path: "/",
      eventId: "e",
      body: "{}",
    } as const;
    const onSent = (): void => {
      sent++;
    };
    expect(await callPod(request, { signal: new AbortController().signal, onSent })).toEqual({
      kind: "nobody",
    });
    expect(await callPod(request, { signal: AbortSignal.abort(), onSent })).toEqual({
      kind: "ended",
      during: "connecting",
    });
    expect(sent).toBe(0);
  });

  test("throws at nothing that it is given", async () => {
    const request = {
      method: "POST",
      address: "127.0.0.1",
      port: 1,
      path: "/a b",
      eventId: "e",
      body: null,
    } as const;
    const reply = await callPod(request, { signal: new AbortController().signal, onSent: () => {} });
    expect(reply).toMatchObject({ kind: "broken" });
  });
});
