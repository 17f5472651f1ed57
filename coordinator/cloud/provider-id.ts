// What a node says of its machine (`spec.providerID`) and what a cloud says of it, made comparable. A node belongs to
// the instance that its providerID names and to no other: names are never compared. One that cannot be read is null.

export type ProviderId =
  | { readonly scheme: "aws"; readonly zone: string; readonly instance: string }
  | { readonly scheme: "gce"; readonly project: string; readonly zone: string; readonly instance: string }
  /** The number of a machine in a uniform scale set. */
  | {
      readonly scheme: "azure";
      readonly subscription: string;
      readonly resourceGroup: string;
      readonly scaleSet: string;
      readonly instance: string;
    }
  /** A machine of its own, also one of a flexible scale set. */
  | {
      readonly scheme: "azure";
      readonly subscription: string;
      readonly resourceGroup: string;
      readonly scaleSet: null;
      readonly instance: string;
    }
  | { readonly scheme: "kwok"; readonly node: string }
  | { readonly scheme: "sim"; readonly group: string; readonly instance: string }
  /** Of a provider that we do not know: equal only to the same text. */
  | { readonly scheme: "other"; readonly text: string };

/** Null for text that names no machine, or not as its scheme does. */
export function parseProviderId(text: string): ProviderId | null {
  const scheme = /^([a-z][a-z0-9+.-]*):(?=.)/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined || /\s/.test(text)) return null;
  const rest = text.slice(scheme.length + 1);
  switch (scheme) {
    case "aws":
      return aws(rest);
    case "gce":
      return gce(rest);
    case "azure":
      return azure(rest);
    case "kwok":
      return kwok(rest);
    case "sim":
      return sim(rest);
    default:
      return { scheme: "other", text };
  }
}

/** As a node carries it. */
export function formatProviderId(id: ProviderId): string {
  switch (id.scheme) {
    case "aws":
      return `aws:///${id.zone}/${id.instance}`;
    case "gce":
      return `gce://${id.project}/${id.zone}/${id.instance}`;
    case "azure": {
      const compute = `/subscriptions/${id.subscription}/resourceGroups/${id.resourceGroup}/providers/Microsoft.Compute`;
      return id.scaleSet === null
        ? `azure://${compute}/virtualMachines/${id.instance}`
        : `azure://${compute}/virtualMachineScaleSets/${id.scaleSet}/virtualMachines/${id.instance}`;
    }
    case "kwok":
      return `kwok://${id.node}`;
    case "sim":
      return `sim://${id.group}/${id.instance}`;
    case "other":
      return id.text;
    default:
      return id satisfies never;
  }
}

/** The same text for the same machine, however it was spelled; null for what cannot be read. */
export function providerIdKey(text: string): string | null {
  const id = parseProviderId(text);
  if (id === null) return null;
  // An instance id is one in all of AWS; some writers leave the zone out.
  if (id.scheme === "aws") return `aws:${id.instance}`;
  // Azure's own parts differ in case between its answers.
  return id.scheme === "azure" ? formatProviderId(id).toLowerCase() : formatProviderId(id);
}

/** False where either cannot be read. */
export function sameProviderId(a: string, b: string): boolean {
  const key = providerIdKey(a);
  return key !== null && key === providerIdKey(b);
}

function aws(rest: string): ProviderId | null {
  const [, zone = "", instance = ""] = /^\/\/\/([a-z0-9-]*)\/(i-[0-9a-f]+)$/.exec(rest) ?? [];
  return instance === "" ? null : { scheme: "aws", zone, instance };
}

function gce(rest: string): ProviderId | null {
  const [, project, zone, instance] = /^\/\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(rest) ?? [];
  return project === undefined || zone === undefined || instance === undefined
    ? null
    : { scheme: "gce", project, zone, instance };
}

const AZURE =
  /^\/\/\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/(?:virtualMachineScaleSets\/([^/]+)\/)?virtualMachines\/([^/]+)$/i;

function azure(rest: string): ProviderId | null {
  const [, subscription, resourceGroup, scaleSet, instance] = AZURE.exec(rest) ?? [];
  if (subscription === undefined || resourceGroup === undefined || instance === undefined) return null;
  return { scheme: "azure", subscription, resourceGroup, scaleSet: scaleSet ?? null, instance };
}

/** Two writers, `kwok:<node>` and `kwok://<node>`. */
function kwok(rest: string): ProviderId | null {
  const [, node] = /^(?:\/\/)?([^/]+)$/.exec(rest) ?? [];
  return node === undefined ? null : { scheme: "kwok", node };
}

function sim(rest: string): ProviderId | null {
  const [, group, instance] = /^\/\/([^/]+)\/([^/]+)$/.exec(rest) ?? [];
  return group === undefined || instance === undefined ? null : { scheme: "sim", group, instance };
}
