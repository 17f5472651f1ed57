// The kubelet's answer to List (PodResources v1) as the devices of containers. The numbers of the fields are those of
// the kubelet's published interface; what we have no use for (NUMA nodes, CPUs, memory) is passed over, and so is
// what later kubelets will add. Which device is which GPU is decided in assess.

import type { HeldDevice } from "../../../shared/model/held-device.ts";
import { fieldsOf, textOf } from "./wire.ts";

const RESPONSE = { podResources: 1 } as const;
const POD = { name: 1, namespace: 2, containers: 3 } as const;
const CONTAINER = { name: 1, devices: 2, dynamicResources: 5 } as const;
const DEVICES = { resourceName: 1, deviceIds: 2 } as const;
const CLAIM = { name: 2, resources: 4 } as const;
const CLAIM_DEVICE = { cdi: 1, driver: 2, pool: 3, device: 4 } as const;
const CDI = { name: 1 } as const;

/** Every device of every container, in the kubelet's order. @throws AppError malformed when it is no such answer. */
export function decodeListResponse(message: Uint8Array): readonly HeldDevice[] {
  const devices: HeldDevice[] = [];
  for (const bytes of all(message, RESPONSE.podResources)) {
    const pod = text(bytes, POD.name);
    const namespace = text(bytes, POD.namespace);
    for (const container of all(bytes, POD.containers)) {
      const holder = { namespace, pod, container: text(container, CONTAINER.name) };
      for (const device of devicesOf(container)) devices.push({ ...holder, ...device });
    }
  }
  return devices;
}

function* devicesOf(container: Uint8Array): Generator<Pick<HeldDevice, "device" | "by">> {
  for (const entry of all(container, CONTAINER.devices)) {
    const by = { kind: "plugin", resource: text(entry, DEVICES.resourceName) } as const;
    for (const id of all(entry, DEVICES.deviceIds)) yield { device: textOf(id), by };
  }
  for (const entry of all(container, CONTAINER.dynamicResources)) {
    const claim = text(entry, CLAIM.name);
    for (const bytes of all(entry, CLAIM.resources)) {
      yield {
        device: text(bytes, CLAIM_DEVICE.device),
        by: {
          kind: "claim",
          claim,
          driver: text(bytes, CLAIM_DEVICE.driver),
          pool: text(bytes, CLAIM_DEVICE.pool),
          cdi: [...all(bytes, CLAIM_DEVICE.cdi)].map((cdi) => text(cdi, CDI.name)),
        },
      };
    }
  }
}

/** A field that comes as a number where bytes are expected is somebody else's, as protobuf has it, and is passed over. */
function* all(message: Uint8Array, number: number): Generator<Uint8Array> {
  for (const field of fieldsOf(message)) {
    if (field.number === number && field.bytes !== null) yield field.bytes;
  }
}

/** The last one counts, and none is the empty text. */
function text(message: Uint8Array, number: number): string {
  let found: Uint8Array | undefined;
  for (const bytes of all(message, number)) found = bytes;
  return found === undefined ? "" : textOf(found);
}
