// Each check against something real on this machine: a socket that greets as NATS does or does not, files that can be
// read or not. None of them throws past its line.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { checkKernelLog, checkKubernetes, checkLine, checkNats } from "./checks.ts";

async function aServer(onConnect: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnect(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  // An address of a port is an object.
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const INFO = { server_name: "nats-0", version: "2.11.4", jetstream: true, auth_required: true };

describe("checkNats()", () => {
  test.each(["nats://", "tls://", ""])("says who answers at %s…", async (scheme) => {
    // In two pieces, as a network may deliver it.
    const server = await aServer((socket) => {
      socket.write("INFO ", () => socket.write(`${JSON.stringify(INFO)} \r\nPING\r\n`));
    });
    expect(await checkNats(`${scheme}${server}`)).toEqual({
      ok: true,
      detail: `${scheme}${server} answers: nats-0, version 2.11.4, asks for credentials, JetStream`,
    });
  });

  test("tells another protocol, a line without end, silence and a closed door apart", async () => {
    const http = await aServer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n"));
    await expect(checkNats(http)).rejects.toThrow(/is no NATS server: it begins with HTTP\/1\.1 400/);
    const endless = await aServer((socket) => socket.write("x".repeat(100_000)));
    await expect(checkNats(endless)).rejects.toThrow(/is no NATS server: it begins with x{60}$/);
    const mute = await aServer(() => {});
    await expect(checkNats(mute, millis(30))).rejects.toMatchObject({ kind: "timeout" });
    const rude = await aServer((socket) => socket.end());
    await expect(checkNats(rude)).rejects.toThrow(/hangs up before/);
    await expect(checkNats("127.0.0.1:1")).rejects.toThrow(
      /127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/,
    );
    await expect(checkNats("nats://")).rejects.toThrow(
      /no address of a NATS server; write nats:\/\/HOST:PORT/,
    );
  });
});

describe("checkKernelLog()", () => {
  test("names the first that can be read, or why none can", async () => {
    const folder = mkdtempSync(join(tmpdir(), "checks-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [missing, present] = [join(folder, "a.log"), join(folder, "b.log")];
    writeFileSync(present, "");
    expect(await checkKernelLog([missing, present])).toEqual({ ok: true, detail: `${present} can be read` });
    expect(await checkKernelLog([missing])).toMatchObject({
      ok: null,
      detail: `not read, XIDs come from the driver alone (${missing}: ENOENT)`,
    });
    expect((await checkKernelLog([])).detail).toContain("switched off");
  });
});

describe("checkKubernetes()", () => {
  const answering = (capacity: Readonly<Record<string, string>>): Pick<KubeClient, "get"> => ({
    // The one object that is asked for.
    get: async <T>() =>
      await Promise.resolve({ metadata: { name: "n1" }, status: { capacity } } as unknown as T),
  });

  test("says what GPUs the node offers", async () => {
    const some = answering({ cpu: "8", "nvidia.com/gpu": "8", "nvidia.com/mig-1g.18gb": "2" });
    expect(await checkKubernetes(some, "n1")).toEqual({
      ok: true,
      detail: "the node n1 can be read; it offers nvidia.com/gpu 8, nvidia.com/mig-1g.18gb 2",
    });
    expect((await checkKubernetes(answering({ cpu: "8" }), "n1")).detail).toContain("it offers no GPUs");
  });
});

describe("checkLine()", () => {
  test("makes a line of a failure", async () => {
    const failing = checkLine("x", async () => await Promise.reject(new AppError("denied", "not for you")));
    expect(await failing).toEqual({ name: "x", ok: false, detail: "not for you" });
  });
});
