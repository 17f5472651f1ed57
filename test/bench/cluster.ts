// The coordinator on a whole cluster, with the real API server, scheduler and controllers: what it costs beside a fleet
// at rest, and how soon it sizes a group for pods that wait. The two parts have a cluster each, one after the other.

import { seededRandom } from "../../shared/model/random.ts";
import { measureReaction } from "./cluster-reaction.ts";
import { measureRest } from "./cluster-rest.ts";
import type { Figure } from "./figure.ts";

export async function run(): Promise<readonly Figure[]> {
  const seed = Math.floor(2 ** 32 * Math.random());
  console.error(`cluster: seed ${seed}`);
  const reaction = await measureReaction(seededRandom(seed));
  const rest = await measureRest();
  return [...rest, ...reaction];
}
