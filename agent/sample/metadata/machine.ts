// What the machine is: its id, type, place and kind of contract, from each cloud's own words, with the labels of its
// node for what the cloud does not say. Pure text work; a word that cannot be meant is left out.

import type { Machine } from "../../../shared/contract/notice.ts";
import type { CloudSource } from "../../../shared/model/interruption.ts";
import type { Node } from "../../../shared/model/kube.ts";
import { NODE_LABEL } from "../../../shared/model/names.ts";
import { capacityTypeOf } from "../../../shared/model/node.ts";
import { regionOfZone, zoneLabelOf } from "../../../shared/model/zones.ts";
import { asObject, objectIn } from "./reading.ts";
import { instanceOf } from "./signs.ts";

/** What one cloud says of the machine; absent where it does not. */
export type Identity = Omit<Machine, "cloud">;

/** The machine with the node's words for what is missing; null while nothing is known but the cloud. */
export function machineOf(cloud: CloudSource, said: Identity, node: Node | undefined): Machine | null {
  const labels = node?.metadata.labels;
  const zone = said.zone ?? word(labels?.[NODE_LABEL.zone], 64);
  const found: Identity = fields({
    instanceId: said.instanceId ?? word(instanceOf(node?.spec?.providerID), 256),
    instanceType: said.instanceType ?? word(labels?.[NODE_LABEL.instanceType], 128),
    region:
      said.region ?? word(labels?.[NODE_LABEL.region], 64) ?? regionOfZone(cloud, zone ?? "") ?? undefined,
    zone,
    zoneId: said.zoneId,
    lifecycle: said.lifecycle ?? capacityTypeOf(labels) ?? undefined,
  });
  return Object.keys(found).length === 0 ? null : { cloud, ...found };
}

const AWS_LIFECYCLE: Readonly<Record<string, Machine["lifecycle"]>> = {
  spot: "spot",
  "on-demand": "on-demand",
  scheduled: "reserved",
  "capacity-block": "reserved",
};

/** The identity document, and the texts that stand beside it; null where they were not given. */
export function awsIdentity(texts: {
  readonly document: string;
  readonly lifecycle: string | null;
  readonly zoneId: string | null;
}): Identity {
  const document = objectIn(texts.document) ?? {};
  const lifecycle = texts.lifecycle?.trim() ?? "";
  return fields({
    instanceId: word(document["instanceId"], 256),
    instanceType: word(document["instanceType"], 128),
    region: word(document["region"], 64),
    zone: word(document["availabilityZone"], 64),
    zoneId: word(texts.zoneId, 64),
    lifecycle: Object.hasOwn(AWS_LIFECYCLE, lifecycle) ? AWS_LIFECYCLE[lifecycle] : undefined,
  });
}

/** Google writes paths (`projects/1/zones/us-central1-a`) and an id that is too large for a number. */
export function gcpIdentity(texts: {
  readonly id: string | null;
  readonly machineType: string | null;
  readonly zone: string | null;
  /** "TRUE" for spot machines and for the older preemptible ones. */
  readonly preemptible: string | null;
}): Identity {
  const zone = word(tail(texts.zone), 64);
  const preemptible = texts.preemptible?.trim().toUpperCase();
  return fields({
    instanceId: word(texts.id, 256),
    instanceType: word(tail(texts.machineType), 128),
    region: zone === undefined ? undefined : (regionOfZone("gcp", zone) ?? undefined),
    zone,
    lifecycle: preemptible === "TRUE" ? "spot" : preemptible === "FALSE" ? "on-demand" : undefined,
  });
}

/** `name`: how events of Azure name the machine. */
export function azureIdentity(compute: string): {
  readonly identity: Identity;
  readonly name: string | null;
} {
  const said = objectIn(compute) ?? {};
  // With the whole instance instead of its part the same stands one level down.
  const document = asObject(said["compute"]) ?? said;
  const region = word(document["location"], 64);
  const number = word(document["zone"], 8);
  const zone = number === undefined ? null : zoneLabelOf("azure", region ?? null, number);
  const priority = document["priority"];
  const identity = fields({
    instanceId: word(document["vmId"], 256),
    instanceType: word(document["vmSize"], 128),
    region,
    zone: word(zone, 64),
    lifecycle:
      priority === "Spot" || priority === "Low"
        ? "spot"
        : typeof priority === "string"
          ? "on-demand"
          : undefined,
  });
  return { identity, name: word(document["name"], 256) ?? null };
}

function tail(path: string | null): string | null {
  return path === null ? null : (path.trim().split("/").at(-1) ?? null);
}

function word(value: unknown, longest: number): string | undefined {
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  return /^[\w.:@+-]+$/.test(text) && text.length <= longest ? text : undefined;
}

/** Without those that are not known. */
function fields(of: { readonly [Key in keyof Identity]: Identity[Key] | undefined }): Identity {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as Identity;
}
