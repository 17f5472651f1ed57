import { describe, expect, test } from "vitest";

import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from "../../shared/model/kube.ts";
import { observed, podObject } from "../../test/build/observed.ts";
import type { ObservedObjects } from "../../test/build/observed.ts";

const ZONE = "topology.kubernetes.io/zone";
const inZone = (...values: string[]) => [{ labels: [{ key: ZONE, operator: "In", values }], names: [] }];

function claim(name: string, fields: Omit<PersistentVolumeClaim, "metadata"> = {}): PersistentVolumeClaim {
  return { metadata: { name, namespace: "team" }, ...fields };
}

function volume(name: string, fields: Omit<PersistentVolume, "metadata"> = {}): PersistentVolume {
  return { metadata: { name }, ...fields };
}

function storageClass(name: string, fields: Partial<StorageClass> = {}): StorageClass {
  return {
    metadata: { name },
    provisioner: "ebs.csi.aws.com",
    volumeBindingMode: "WaitForFirstConsumer",
    ...fields,
  };
}

const BOUND = { spec: { volumeName: "v" }, status: { phase: "Bound" } };
const WAITS = { spec: { storageClassName: "late" }, status: { phase: "Pending" } };

function zonal(key: string, ...values: string[]) {
  return {
    nodeAffinity: {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: "In", values }] }] },
    },
    csi: { driver: "ebs.csi.aws.com" },
  };
}

function podWith(volumes: NonNullable<Pod["spec"]["volumes"]>, nodeName?: string): Pod {
  return podObject({ spec: { volumes, ...(nodeName === undefined ? {} : { nodeName }) } });
}

const WITH_CLAIM = podWith([{ name: "data", persistentVolumeClaim: { claimName: "c" } }]);

function volumesOf(objects: ObservedObjects, pod = WITH_CLAIM) {
  return observed({ ...objects, pods: [pod] }).cluster.pods()[0]?.volumes;
}

describe("a claim", () => {
  test.each<[string, ObservedObjects, object]>([
    ["missing", {}, { kind: "missing" }],
    ["lost", { claims: [claim("c", { ...BOUND, status: { phase: "Lost" } })] }, { kind: "lost" }],
    ["lost with its volume", { claims: [claim("c", BOUND)] }, { kind: "lost" }],
    [
      "bound to a volume of a zone",
      { claims: [claim("c", BOUND)], volumes: [volume("v", { spec: zonal(ZONE, "a", "b") })] },
      { kind: "bound", nodeTerms: inZone("a", "b"), driver: "ebs.csi.aws.com" },
    ],
    [
      "bound to a volume whose zone a driver names",
      {
        claims: [claim("c", BOUND)],
        volumes: [volume("v", { spec: zonal("topology.ebs.csi.aws.com/zone", "a") })],
      },
      { kind: "bound", nodeTerms: inZone("a"), driver: "ebs.csi.aws.com" },
    ],
    [
      "bound to an older volume with its zones in a label",
      {
        claims: [claim("c", BOUND)],
        volumes: [{ metadata: { name: "v", labels: { [ZONE]: "a__b" } }, spec: {} }],
      },
      { kind: "bound", nodeTerms: inZone("a", "b"), driver: null },
    ],
    [
      "bound to a volume that may be anywhere",
      { claims: [claim("c", BOUND)], volumes: [volume("v", { spec: {} })] },
      { kind: "bound", nodeTerms: null, driver: null },
    ],
    [
      "made where the pod goes",
      { claims: [claim("c", WAITS)], classes: [storageClass("late")] },
      { kind: "first-consumer", nodeTerms: null, driver: "ebs.csi.aws.com" },
    ],
    [
      "made where the pod goes, in the zones of its class",
      {
        claims: [claim("c", WAITS)],
        classes: [
          storageClass("late", {
            allowedTopologies: [{ matchLabelExpressions: [{ key: ZONE, values: ["a"] }] }],
          }),
        ],
      },
      { kind: "first-consumer", nodeTerms: inZone("a"), driver: "ebs.csi.aws.com" },
    ],
    [
      "made by hand, with a free volume in one zone and a taken one in another",
      {
        claims: [claim("c", WAITS)],
        classes: [storageClass("late", { provisioner: "kubernetes.io/no-provisioner" })],
        volumes: [
          volume("f", {
            spec: { ...zonal(ZONE, "a"), storageClassName: "late" },
            status: { phase: "Available" },
          }),
          volume("t", {
            spec: { ...zonal(ZONE, "b"), storageClassName: "late" },
            status: { phase: "Bound" },
          }),
        ],
      },
      { kind: "first-consumer", nodeTerms: inZone("a"), driver: null },
    ],
    [
      "made by hand, with no volume left",
      {
        claims: [claim("c", WAITS)],
        classes: [storageClass("late", { provisioner: "kubernetes.io/no-provisioner" })],
      },
      { kind: "first-consumer", nodeTerms: [], driver: null },
    ],
    [
      "not bound though its class binds at once",
      { claims: [claim("c", WAITS)], classes: [storageClass("late", { volumeBindingMode: "Immediate" })] },
      { kind: "unbound" },
    ],
    ["not bound, of a class that is not there", { claims: [claim("c", WAITS)] }, { kind: "unbound" }],
    [
      "not bound, of no class on purpose",
      {
        claims: [claim("c", { spec: { storageClassName: "" }, status: { phase: "Pending" } })],
        classes: [storageClass("late")],
      },
      { kind: "unbound" },
    ],
    [
      "bound beforehand to a volume that is still to come",
      { claims: [claim("c", { ...BOUND, status: { phase: "Pending" } })] },
      { kind: "unbound" },
    ],
    [
      "going while the pod still waits",
      {
        claims: [
          {
            ...claim("c", BOUND),
            metadata: { ...claim("c").metadata, deletionTimestamp: "2026-06-01T00:00:00Z" },
          },
        ],
        volumes: [volume("v")],
      },
      { kind: "missing" },
    ],
  ])("is %s", (_, objects, expected) => {
    expect(volumesOf(objects)).toEqual([{ claim: "team/c", ...expected }]);
  });

  test("that goes is there for the pod that has it", () => {
    const going = {
      ...claim("c", BOUND),
      metadata: { ...claim("c").metadata, deletionTimestamp: "2026-06-01T00:00:00Z" },
    };
    const running = podWith(WITH_CLAIM.spec.volumes ?? [], "n1");
    expect(volumesOf({ claims: [going], volumes: [volume("v")] }, running)).toMatchObject([
      { kind: "bound" },
    ]);
  });

  test("without a class has the default one, of several the newest", () => {
    const standard = (name: string, creationTimestamp: string, provisioner: string): StorageClass => ({
      ...storageClass(name, { provisioner }),
      metadata: {
        name,
        creationTimestamp,
        annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
      },
    });
    const classes = [
      standard("old", "2025-01-01T00:00:00Z", "old.driver"),
      standard("new", "2026-01-01T00:00:00Z", "new.driver"),
      storageClass("late"),
    ];
    const claims = [claim("c", { spec: {}, status: { phase: "Pending" } })];
    for (const order of [classes, classes.toReversed()])
      expect(volumesOf({ claims, classes: order })).toMatchObject([{ driver: "new.driver" }]);
  });
});

describe("an ephemeral volume", () => {
  const scratch = podWith([
    { name: "scratch", ephemeral: { volumeClaimTemplate: { spec: { storageClassName: "late" } } } },
  ]);

  test("is judged by its template until its claim is there", () => {
    expect(volumesOf({ classes: [storageClass("late")] }, scratch)).toEqual([
      { kind: "first-consumer", claim: "team/p-scratch", nodeTerms: null, driver: "ebs.csi.aws.com" },
    ]);
    expect(volumesOf({}, scratch)).toMatchObject([{ kind: "unbound" }]);
  });

  test("is then judged by its claim", () => {
    expect(
      volumesOf(
        { claims: [claim("p-scratch", BOUND)], volumes: [volume("v", { spec: zonal(ZONE, "a") })] },
        scratch,
      ),
    ).toMatchObject([{ kind: "bound", nodeTerms: inZone("a") }]);
  });
});

describe("what a claim says, kept", () => {
  test("is the same object as long as nothing that it stands on changes, and the pod's input with it", () => {
    const { cluster, news } = observed({
      pods: [WITH_CLAIM],
      claims: [claim("c", WAITS)],
      classes: [storageClass("late")],
    });
    const [, , , claims, volumes] = cluster.watches;
    const [before] = cluster.pods();
    expect(cluster.pods()[0]).toBe(before);

    claims.store.apply({ kind: "put", object: claim("another", WAITS) });
    expect(cluster.pods()[0]).toBe(before);
    claims.store.apply({ kind: "put", object: { ...claim("c", WAITS) } });
    expect(cluster.pods()[0]).toBe(before);
    expect(news).toEqual(["other"]);

    volumes.store.apply({ kind: "put", object: volume("v", { spec: zonal(ZONE, "a") }) });
    claims.store.apply({ kind: "put", object: claim("c", BOUND) });
    expect(cluster.pods()[0]?.volumes).toMatchObject([{ kind: "bound", nodeTerms: inZone("a") }]);
    expect(news).toEqual(["other", "other", "other"]);
    expect(Object.isFrozen(cluster.pods()[0]?.volumes)).toBe(true);

    volumes.store.apply({ kind: "gone", object: volume("v") });
    expect(cluster.pods()[0]?.volumes).toMatchObject([{ kind: "lost" }]);
  });
});
