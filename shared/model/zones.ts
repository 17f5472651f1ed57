// What a zone's name says: its region, in each cloud's own way, and how Kubernetes labels it on a node. A name of
// another form says nothing.

const ZONE_FORM: Readonly<Record<string, RegExp>> = {
  // us-west-2a; a local zone such as us-west-2-lax-1a belongs to the region in front.
  aws: /^([a-z]{2}(?:-[a-z]+)+?-\d+)(?:-[a-z]+-\d+)?[a-z]$/,
  // us-central1-a
  gcp: /^([a-z]+-[a-z]+\d+)-[a-z0-9]+$/,
  // westus2-1, as AKS labels its nodes.
  azure: /^([a-z]+\d*)-\d$/,
};

/** Azure's own zones are numbers of a region and say nothing alone. */
const NUMBER_ALONE = /^\d+$/;

/** The region of a zone; null: its name does not tell. */
export function regionOfZone(provider: string, zone: string): string | null {
  return Object.hasOwn(ZONE_FORM, provider) ? (ZONE_FORM[provider]?.exec(zone)?.[1] ?? null) : null;
}

/** How a node in that zone is labelled; null: that takes a region, and it is not known. */
export function zoneLabelOf(provider: string, region: string | null, zone: string): string | null {
  if (provider !== "azure" || !NUMBER_ALONE.test(zone)) return zone;
  return region === null ? null : `${region}-${zone}`;
}
