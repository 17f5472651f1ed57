// Who may see this agent's pages, by its settings: everybody, or those whom the web configuration and the API server let in.
// What that means for one request is decided in shared/runtime/web.ts.

import type { Clock } from "../shared/runtime/clock.ts";
import { AppError } from "../shared/runtime/errors.ts";
import type { ReviewClient } from "../shared/runtime/kube/reviews.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { SettingValues } from "../shared/runtime/settings.ts";
import { createTokenAuth } from "../shared/runtime/token-auth.ts";
import { openWeb } from "../shared/runtime/web.ts";
import type { Web } from "../shared/runtime/web.ts";
import type { AGENT_SETTINGS } from "./settings.ts";

type Settings = Pick<SettingValues<typeof AGENT_SETTINGS>, "webConfig" | "metricsTokens">;

/**
 * Null: everybody may.
 * @throws AppError settings when a file cannot be used, or tokens would be sent without TLS.
 */
export async function openAgentWeb(
  { webConfig, metricsTokens }: Settings,
  { client, log, clock }: { readonly client: ReviewClient; readonly log: Log; readonly clock: Clock },
): Promise<Web | null> {
  if (webConfig === null) {
    if (!metricsTokens) return null;
    throw new AppError(
      "settings",
      "GPUAS_METRICS_TOKENS is true and GPUAS_WEB_CONFIG names no file: tokens need a certificate there; give one, or set GPUAS_METRICS_TOKENS=false",
    );
  }
  const tokens = metricsTokens ? createTokenAuth({ client, log, clock }) : null;
  return await openWeb(webConfig, { log, clock, tokens });
}
