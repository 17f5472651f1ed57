// AWS's Auto Scaling API over the groups of a simulated cloud: the Query protocol with its XML and the service's own
// refusals, on the server that face.ts is. It wants credentials for its region as the service does, but checks no
// signature, and it knows the calls that an autoscaler needs and no others.

import { randomUUID } from "node:crypto";

import type { World } from "../../../coordinator/replay/world.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { WRITES, perform } from "./aws-actions.ts";
import type { Detached } from "./aws-actions.ts";
import { refuseStranger } from "./aws-credentials.ts";
import { plainSettings } from "./aws-groups.ts";
import type { AwsGroupSettings } from "./aws-groups.ts";
import { AwsRefusal, parseQuery, statusOf } from "./aws-query.ts";
import type { AwsQuery } from "./aws-query.ts";
import { SPOT_PRICES_CALL, spotPricesXml, spotPriceTypes } from "./aws-spot-prices.ts";
import type { SpotPriceRow } from "./aws-spot-prices.ts";
import { BALANCER_PAGE, messageOf } from "./aws-troubles.ts";
import { answerXml, errorXml } from "./aws-xml.ts";
import { startFace } from "./face.ts";
import type { Answer, Face, Incoming, Understood } from "./face.ts";

export interface AwsCloudOptions {
  /** `change` of a world server, or of whoever steps the world. */
  readonly change: <T>(make: (world: World) => T) => T;
  readonly clock: Clock;
  readonly region?: string;
  /** Twelve digits. */
  readonly account?: string;
  /** 0 lets the system choose. */
  readonly port?: number;
  /** Told each answer as the service wrote it, whatever trouble then makes of it. */
  readonly onAnswer?: (answer: AwsAnswer) => void;
}

export interface AwsAnswer {
  readonly action: string;
  readonly status: number;
  readonly body: string;
}

/** `parameters` of a call are the fields of its form. */
export interface AwsCloud extends Face<Readonly<Record<string, string>>> {
  /** The same port under https, where nothing speaks TLS. */
  readonly brokenTlsUrl: string;
  readonly region: string;
  /** What the simulation does not know of a group. */
  configure(group: string, settings: Partial<AwsGroupSettings>): void;
  /** What spot machines cost from now on; until then of none a price is known. */
  setSpotPrices(rows: readonly SpotPriceRow[]): void;
}

type Form = Readonly<Record<string, string>>;

const REGION = "us-west-2";
const ACCOUNT = "123456789012";

export async function startAwsCloud(options: AwsCloudOptions): Promise<AwsCloud> {
  const { change, clock, region = REGION, account = ACCOUNT, port = 0, onAnswer = () => {} } = options;
  const configured = new Map<string, Partial<AwsGroupSettings>>();
  const detaching = new Map<string, readonly Detached[]>();
  const createdAt = change(({ now }) => now);
  let skewMs = 0;
  let spotPrices: readonly SpotPriceRow[] = [];

  const settings = (group: string): AwsGroupSettings => ({
    ...plainSettings(account, region),
    ...configured.get(group),
  });

  function said(action: string, status: number, body: string): Answer {
    // EC2's are no answers of the service that this one is judged as.
    if (action !== SPOT_PRICES_CALL) onAnswer({ action, status, body });
    const headers = { "x-amzn-requestid": randomUUID() };
    return { status, contentType: "text/xml", text: body, headers, isRefusal: status >= 300 };
  }

  function refused(action: string, refusal: AwsRefusal): Answer {
    return said(action, refusal.status, errorXml(refusal, randomUUID()));
  }

  function run(query: AwsQuery): Answer {
    try {
      const result = change(({ clouds, now }) =>
        perform(query, { clouds, nowMs: now, skewMs, createdAt, settings, detaching }),
      );
      return said(query.action, 200, answerXml(query.action, result, randomUUID()));
    } catch (error) {
      if (error instanceof AwsRefusal) return refused(query.action, error);
      throw error;
    }
  }

  function groupsOf(query: AwsQuery): readonly string[] {
    const name = query.text("AutoScalingGroupName");
    if (name !== null) return [name];
    const id = query.text("InstanceId");
    if (id !== null) return change(({ clouds }) => [clouds.instance(id)?.group ?? []].flat());
    return query.list("AutoScalingGroupNames");
  }

  function understand({ body, headers }: Incoming): Understood<Form> {
    try {
      const types = spotPriceTypes({ body, headers }, { region, nowMs: clock.now() + skewMs });
      if (types !== undefined) {
        const rows = spotPrices.filter(({ instanceType }) => types.includes(instanceType));
        const answer = (): Answer => said(SPOT_PRICES_CALL, 200, spotPricesXml(rows, randomUUID()));
        return { action: SPOT_PRICES_CALL, groups: [], write: false, parameters: {}, run: answer };
      }
      const query = parseQuery(body);
      refuseStranger(headers, region, clock.now() + skewMs);
      const { action, parameters } = query;
      const write = WRITES.includes(action);
      return { action, groups: groupsOf(query), write, parameters, run: () => run(query) };
    } catch (error) {
      if (!(error instanceof AwsRefusal)) throw error;
      const action = new URLSearchParams(body).get("Action") ?? "";
      const write = WRITES.includes(action);
      return { action, groups: [], write, parameters: {}, run: () => refused(action, error) };
    }
  }

  const face = await startFace<Form>({
    clock,
    port,
    now: () => change(({ now }) => now),
    skewed: (ms) => {
      skewMs = ms;
    },
    protocol: {
      understand,
      refuse: ({ code, message = messageOf(code), retryAfterSeconds }, { action }) => {
        if (code === BALANCER_PAGE) return PAGE;
        const answer = refused(action, new AwsRefusal(code, message, statusOf(code)));
        const after = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
        return { ...answer, headers: { ...answer.headers, ...after } };
      },
    },
  });

  return {
    ...face,
    brokenTlsUrl: face.url.replace("http:", "https:"),
    region,
    configure: (group, changed) => {
      configured.set(group, { ...configured.get(group), ...changed });
    },
    setSpotPrices: (rows) => {
      spotPrices = rows;
    },
  };
}

const PAGE: Answer = {
  status: 500,
  contentType: "text/html",
  text: "<html><body><h1>500 Internal Server Error</h1></body></html>",
  isRefusal: true,
};
