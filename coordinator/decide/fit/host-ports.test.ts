import { describe, expect, test } from "vitest";

import { contextOf, place, podWith } from "../../../test/build/place.ts";
import type { HostPort } from "../snapshot-pod.ts";
import { hostPorts } from "./host-ports.ts";

const port = (number: number, protocol = "TCP", ip = "0.0.0.0"): HostPort => ({ ip, protocol, port: number });

const CASES: readonly (readonly [string, readonly HostPort[], readonly HostPort[], string | null])[] = [
  ["none asked for", [], [port(80)], null],
  ["none in use", [port(80)], [], null],
  ["another number", [port(80)], [port(81)], null],
  ["another protocol", [port(53, "UDP")], [port(53)], null],
  ["the same", [port(80)], [port(80)], "TCP 80"],
  ["two addresses", [port(80, "TCP", "10.0.0.1")], [port(80, "TCP", "10.0.0.2")], null],
  ["one address twice", [port(80, "TCP", "10.0.0.1")], [port(80, "TCP", "10.0.0.1")], "TCP 80"],
  ["all addresses after one", [port(80)], [port(80, "TCP", "10.0.0.1")], "TCP 80"],
  ["one address after all", [port(80, "TCP", "10.0.0.1")], [port(80)], "TCP 80"],
  [
    "what is left out, which means TCP and all addresses",
    [port(80, "", "")],
    [port(80, "TCP", "::1")],
    "TCP 80",
  ],
  ["the second of two", [port(80), port(443)], [port(443)], "TCP 443"],
];

describe("host-ports", () => {
  test.each(CASES)("%s", (_, asked, inUse, taken) => {
    const pod = podWith("p", { hostPorts: asked });
    expect(hostPorts.refusal(pod, place({ ports: inUse }), contextOf([pod]))).toEqual(
      taken === null ? null : { code: "host-port-taken", pool: "demo/gpu", port: taken },
    );
  });
});
