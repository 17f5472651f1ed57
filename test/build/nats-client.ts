// A real nats-server with a client that is connected to it, for tests of what we publish and answer.

import { seededRandom } from "../../shared/model/random.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import { startNats } from "./nats.ts";
import type { NatsServer } from "./nats.ts";

export interface ConnectedNats extends AsyncDisposable {
  readonly server: NatsServer;
  readonly nats: Nats;
}

/** Both end, the client first, when it is disposed of. */
export async function connectNatsForTest(): Promise<ConnectedNats> {
  await using building = new AsyncDisposableStack();
  const server = building.adopt(await startNats(), (one) => one.remove());
  const nats = building.adopt(
    connectNats({
      servers: [server.url],
      name: "test",
      log: createLogSink().log,
      clock: systemClock,
      random: seededRandom(1),
    }),
    (one) => one.close(),
  );
  await nats.whenConnected(AbortSignal.timeout(30_000));
  const held = building.move();
  return { server, nats, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
