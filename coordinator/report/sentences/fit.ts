// Sentences for why a pod does not fit into a pool: what it asks for, what a node of the pool has, and which of the
// two to change.

import type { Sentences } from "./table.ts";
import { amount, bareAmount, count, listed } from "./words.ts";

export const FIT: Sentences<
  | "untolerated-taint"
  | "selector-mismatch"
  | "too-large"
  | "affinity-mismatch"
  | "no-such-resource"
  | "system-reserved"
  | "daemon-overhead"
  | "mig-geometry"
  | "gpus-per-node"
  | "gpu-model-differs"
  | "host-port-taken"
  | "volume-zone"
  | "volume-limit"
  | "pod-affinity"
  | "pod-anti-affinity"
  | "topology-spread"
> = {
  "untolerated-taint": ({ pool, taint }) =>
    `pool ${pool}: the pod does not tolerate ${taint}: give it the toleration, or take the taint from the pool`,
  "selector-mismatch": ({ pool, label, wanted }) =>
    `pool ${pool}: its nodes do not carry ${label}=${wanted}: correct the pod's nodeSelector, or add the label to the pool's labels and its group`,
  "too-large": ({ pool, resource, wants, nodeHas }) =>
    `pool ${pool}: the pod wants ${amount(resource, wants)}, a node has ${bareAmount(resource, nodeHas)}: ask for less, or add a pool of larger machines`,
  "affinity-mismatch": ({ pool, term }) =>
    `pool ${pool}: no node meets the pod's node affinity ${term}: correct the term, or the pool's labels and its group`,
  "no-such-resource": ({ pool, resource, wants, has }) =>
    `pool ${pool}: the pod wants ${wants} of ${resource}, a node offers ${listed(has, "no devices")}: ask by a name that a node offers, or have the device plugin offer this one`,
  "system-reserved": ({ pool, resource, wants, allocatable, capacity }) =>
    `pool ${pool}: the pod wants ${amount(resource, wants)}, and of the ${bareAmount(resource, capacity)} of the machine ${bareAmount(resource, allocatable)} are left after what is reserved for the system: ask for a little less, or take a larger machine`,
  "daemon-overhead": ({ pool, resource, wants, nodeHas, daemons }) =>
    `pool ${pool}: the pod wants ${amount(resource, wants)}, and a node has ${bareAmount(resource, nodeHas)} after the ${bareAmount(resource, daemons)} of its DaemonSets: ask for a little less, or take a larger machine`,
  "mig-geometry": ({ pool, profile, wants, most }) =>
    `pool ${pool}: the pod wants ${wants} of MIG profile ${profile}, the cards of a node give ${most} at most: ask for fewer, or for a smaller profile`,
  "gpus-per-node": ({ pool, wants, nodeHas }) =>
    `pool ${pool}: the pod wants ${count(wants, "GPU")}, a node has ${nodeHas}: spread the work over several pods, or add a pool of larger machines`,
  "gpu-model-differs": ({ pool, wants, has }) =>
    `pool ${pool}: the pod wants a ${wants}, the pool's nodes have ${has}: ask for that, or add a pool of the other`,
  "host-port-taken": ({ pool, port }) =>
    `pool ${pool}: host port ${port} is in use on its nodes: leave the pod without a host port, or give it another`,
  "volume-zone": ({ pool, claim, zones }) =>
    `pool ${pool}: the volume of claim ${claim} is in ${listed(zones, "no zone")}, and a new node might not be: give the zone a pool of its own (availabilityZones with that one)`,
  "volume-limit": ({ pool, driver, limit }) =>
    `pool ${pool}: a node attaches ${count(limit, "volume")} of ${driver}, and the pod needs one more: spread the volumes over several pods, or take machines that attach more`,
  "pod-affinity": ({ pool, term }) =>
    `pool ${pool}: nothing that the pod's affinity ${term} looks for runs where a node of it would be: correct the term, or start first what it looks for`,
  "pod-anti-affinity": ({ pool, term, with: other }) =>
    `pool ${pool}: anti-affinity ${term} keeps the pod away from ${other}: correct the term, or add pools elsewhere`,
  "topology-spread": ({ pool, key, domain, skew, maxSkew }) =>
    domain === ""
      ? `pool ${pool}: the pod spreads by ${key}, which nobody knows of a new node: give each zone a pool of its own, or add the label to the pool's labels and its group`
      : `pool ${pool}: with the pod, ${key} ${domain} would be ${skew} ahead of the emptiest, ${maxSkew} allowed (maxSkew): add pools where fewer of its kind run, or raise maxSkew`,
};
