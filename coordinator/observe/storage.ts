// Claims, volumes and storage classes by watch, and what a claim says about where its pod may run. Each answer is
// made once for a claim and kept until the claim, its volume or the classes change. How large a volume is, and
// whether its driver has room for it, is the driver's business.

import type {
  KubeObject,
  NodeSelectorTerm,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from "../../shared/model/kube.ts";
import {
  DEFAULT_CLASS_ANNOTATION,
  FOREIGN_ZONE_LABELS,
  NODE_LABEL,
  NO_PROVISIONER,
} from "../../shared/model/names.ts";
import { reduced, RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { NodeExpression, NodeTerm, VolumeInput } from "../decide/snapshot-pod.ts";
import { nodeTermsOf } from "./constraints.ts";
import { deepFreeze } from "./freeze.ts";
import { keptClaim, keptClass, keptVolume } from "./kept.ts";
import { createNews, createWatched } from "./watched.ts";
import type { WatchDeps, Watched } from "./watched.ts";

export interface Storage {
  readonly watches: readonly [
    Watched<PersistentVolumeClaim>,
    Watched<PersistentVolume>,
    Watched<StorageClass>,
  ];
  /** Rises with every change of what is answered. */
  readonly revision: number;
  /** `waits`: the pod has no node yet. `template`: of an ephemeral volume, whose claim comes with the pod. */
  claim(
    ref: { readonly namespace: string; readonly name: string },
    waits: boolean,
    template?: { readonly storageClassName?: string },
  ): VolumeInput;
}

export function createStorage(deps: WatchDeps, onChange: () => void): Storage {
  let revision = 0;
  /** Of volumes that wait for a claim, and of classes: what few claims depend on. */
  let sharedRevision = 0;
  const known = new WeakMap<PersistentVolumeClaim, Known>();

  const onNews = <T extends KubeObject>(read: (object: T) => unknown, shared: boolean) => {
    const isNews = createNews(read);
    return (event: Parameters<typeof isNews>[0]): void => {
      if (!isNews(event)) return;
      revision++;
      if (shared) sharedRevision++;
      onChange();
    };
  };
  const claims = createWatched(
    reduced(RESOURCE.persistentVolumeClaims, keptClaim),
    deps,
    onNews(({ metadata, spec, status }) => [metadata.deletionTimestamp, spec, status?.phase], false),
  );
  const volumes = createWatched(
    reduced(RESOURCE.persistentVolumes, keptVolume),
    deps,
    onNews(({ metadata, spec, status }) => [metadata.labels, spec, status?.phase], true),
  );
  const classes = createWatched(
    reduced(RESOURCE.storageClasses, keptClass),
    deps,
    onNews(({ metadata, ...rest }) => [metadata.annotations, rest], true),
  );

  /** Claims without a class get the default one; of several the newest, as the server chooses. */
  function classNamed(name: string | undefined): StorageClass | undefined {
    if (name !== undefined) return classes.store.get({ name });
    return classes.store
      .values()
      .filter(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === "true")
      .toSorted((a, b) => (ageKey(a) < ageKey(b) ? 1 : -1))[0];
  }

  function volumeOf({ spec, status }: PersistentVolumeClaim): PersistentVolume | undefined {
    const name = status?.phase === "Bound" ? spec?.volumeName : undefined;
    return name === undefined ? undefined : volumes.store.get({ name });
  }

  function answer(
    key: string,
    { spec, status }: PersistentVolumeClaim,
    volume: PersistentVolume | undefined,
  ): VolumeInput {
    if (status?.phase === "Lost") return { kind: "lost", claim: key };
    if (spec?.volumeName === undefined || status?.phase !== "Bound")
      return unbound(key, classNamed(spec?.storageClassName));
    if (volume === undefined) return { kind: "lost", claim: key };
    return {
      kind: "bound",
      claim: key,
      nodeTerms: volumeTerms(volume),
      driver: volume.spec?.csi?.driver ?? null,
    };
  }

  function unbound(key: string, storageClass: StorageClass | undefined): VolumeInput {
    if (storageClass?.volumeBindingMode !== "WaitForFirstConsumer") return { kind: "unbound", claim: key };
    const { provisioner } = storageClass;
    const isByHand = provisioner === NO_PROVISIONER;
    return {
      kind: "first-consumer",
      claim: key,
      nodeTerms: isByHand ? freeVolumeTerms(storageClass.metadata.name) : topologyTerms(storageClass),
      driver: isByHand ? null : provisioner,
    };
  }

  /** Nobody makes another volume of such a class: the pod goes where one is free. */
  function freeVolumeTerms(className: string): readonly NodeTerm[] | null {
    const free = volumes.store
      .values()
      .filter(({ spec, status }) => spec?.storageClassName === className && status?.phase === "Available")
      .map(volumeTerms);
    return free.includes(null) ? null : free.flatMap((terms) => terms ?? []);
  }

  return {
    watches: [claims, volumes, classes],
    get revision() {
      return revision;
    },
    claim: (ref, waits, template) => {
      const key = `${ref.namespace}/${ref.name}`;
      const claim = claims.store.get(ref);
      if (claim === undefined) {
        return deepFreeze(
          template === undefined
            ? { kind: "missing", claim: key }
            : unbound(key, classNamed(template.storageClassName)),
        );
      }
      // A claim that goes takes no new pod, and stays for those that have it.
      if (waits && claim.metadata.deletionTimestamp !== undefined)
        return deepFreeze({ kind: "missing", claim: key });
      const volume = volumeOf(claim);
      const before = known.get(claim);
      if (
        before !== undefined &&
        before.volume === volume &&
        (volume !== undefined || before.of === sharedRevision)
      )
        return before.input;
      const made = deepFreeze(answer(key, claim, volume));
      const input = before !== undefined && isSame(before.input, made) ? before.input : made;
      known.set(claim, { input, volume, of: sharedRevision });
      return input;
    },
  };
}

interface Known {
  readonly input: VolumeInput;
  /** A claim that has its volume depends on nothing else. */
  readonly volume: PersistentVolume | undefined;
  readonly of: number;
}

function isSame(a: VolumeInput, b: VolumeInput): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function ageKey({ metadata }: StorageClass): string {
  return `${metadata.creationTimestamp ?? ""} ${metadata.name}`;
}

/** A volume's own terms, and the zone and region that older volumes name in their labels. */
function volumeTerms({ metadata, spec }: PersistentVolume): readonly NodeTerm[] | null {
  const labels = [NODE_LABEL.zone, NODE_LABEL.region].flatMap((key): NodeExpression[] => {
    const value = metadata.labels?.[key];
    // A volume in several zones names them with two underscores between.
    return value === undefined ? [] : [{ key, operator: "In", values: value.split("__") }];
  });
  const required = spec?.nodeAffinity?.required?.nodeSelectorTerms;
  if (required === undefined) return labels.length === 0 ? null : [{ labels, names: [] }];
  return placeTerms(required).map((term) =>
    // A term that says nothing matches nothing, and must not begin to.
    term.labels.length + term.names.length === 0 ? term : { ...term, labels: [...term.labels, ...labels] },
  );
}

/** Null: the class makes its volumes anywhere. */
function topologyTerms({ allowedTopologies = [] }: StorageClass): readonly NodeTerm[] | null {
  if (allowedTopologies.length === 0) return null;
  return placeTerms(
    allowedTopologies.map(({ matchLabelExpressions = [] }) => ({
      matchExpressions: matchLabelExpressions.map(({ key, values }) => ({ key, operator: "In", values })),
    })),
  );
}

/** A driver's own label for the zone is on a node only once the driver runs there; the zone is known before. */
function placeTerms(terms: readonly NodeSelectorTerm[]): readonly NodeTerm[] {
  return nodeTermsOf(terms).map(({ labels, names }) => ({
    labels: labels.map((rule) =>
      FOREIGN_ZONE_LABELS.includes(rule.key) ? { ...rule, key: NODE_LABEL.zone } : rule,
    ),
    names,
  }));
}
