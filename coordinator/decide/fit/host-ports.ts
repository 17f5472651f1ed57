// A port of the host is there once for each protocol and address, and 0.0.0.0 means all addresses. Two pods that are
// planned on one new node meet here as they would on the real one.

import type { HostPort } from "../snapshot-pod.ts";
import type { Check } from "./check.ts";
import { calledPool } from "./place.ts";

export const hostPorts: Check = {
  name: "host-ports",
  reads: "pods",
  refusal: (pod, place) => {
    const taken = takenPort(pod.hostPorts, place.ports);
    if (taken === null) return null;
    return { code: "host-port-taken", pool: calledPool(place), port: `${protocolOf(taken)} ${taken.port}` };
  },
};

/** The first of the ports that clashes with one in use. */
export function takenPort(
  asked: readonly HostPort[] | undefined,
  inUse: readonly HostPort[],
): HostPort | null {
  if (asked === undefined || asked.length === 0 || inUse.length === 0) return null;
  return asked.find((port) => inUse.some((other) => clash(port, other))) ?? null;
}

function clash(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || protocolOf(a) !== protocolOf(b)) return false;
  return a.ip === b.ip || isAnyAddress(a.ip) || isAnyAddress(b.ip);
}

/** Kubernetes reads what is left out as TCP and as all addresses. */
function protocolOf({ protocol }: HostPort): string {
  return protocol === "" ? "TCP" : protocol;
}

function isAnyAddress(ip: string): boolean {
  return ip === "" || ip === "0.0.0.0";
}
