// What the shipped agent asks for while nothing happens: requests to the metadata service and to the API server in a
// minute at rest, on each cloud's fake, and in another one while that service fails. Counted where they arrive.

import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { CLOUDS, startCloudMetadata } from "../build/metadata.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";

/** The identity is read once, and watches are opened once. */
const SETTLE_MS = millis(10_000);
const REST_MS = millis(60_000);

interface Rates {
  /** Metadata and API server together. */
  readonly atRest: number;
  /** To the metadata alone. */
  readonly failing: number;
}

export async function run(): Promise<Figure[]> {
  // Counts, not times: the three do not disturb each other.
  const rates = await Promise.all(CLOUDS.map(measure));
  return [
    figure("requests_per_s", Math.max(...rates.map(({ atRest }) => atRest)), "1/s", { max: 1.5 }),
    figure("failing_requests_per_s", Math.max(...rates.map(({ failing }) => failing)), "1/s", { max: 1.5 }),
  ];
}

async function measure(source: (typeof CLOUDS)[number]): Promise<Rates> {
  await using scene = await createScene();
  await using metadata = await startCloudMetadata(source, systemClock);
  const { endpoint } = metadata;
  metadata.renew();
  await scene.agent({ env: metadata.env });
  await endpoint.answered(metadata.noticePath);

  const byAgent = (): number =>
    scene.server.audit.filter(({ userAgent }) => userAgent.startsWith("gpu-autoscaler-agent")).length;
  const over = async (count: () => number): Promise<number> => {
    await systemClock.sleep(SETTLE_MS);
    const before = count();
    const from = systemClock.monotonic();
    await systemClock.sleep(REST_MS);
    return (count() - before) / ((systemClock.monotonic() - from) / 1000);
  };
  const atRest = await over(() => endpoint.requests.length + byAgent());
  if (endpoint.breaches.length > 0)
    throw new Error(`the agent did not keep to ${source}'s protocol: ${endpoint.breaches.join("; ")}`);
  endpoint.fail({ kind: "cut" });
  const failing = await over(() => endpoint.requests.length);
  // An agent that gave up would ask for the least.
  endpoint.mend();
  const asked = endpoint.requests.length;
  await scene.until(`${source}'s metadata is asked again`, () =>
    endpoint.requests
      .slice(asked)
      .some(({ path, status }) => path.startsWith(metadata.noticePath) && status !== null),
  );
  console.error(
    `idle-agent: ${source}: ${atRest.toFixed(2)} requests a second at rest, ${failing.toFixed(2)} to the metadata while it fails`,
  );
  return { atRest, failing };
}
