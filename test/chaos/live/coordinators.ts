// Two replicas of the shipped coordinator: one leads and one stands by. What dies or ends is started again, as a Deployment
// does. Who leads is what the lease says, not what a replica says of itself.

import type { World } from "../../../coordinator/replay/world.ts";
import type { CoordinatorProcess } from "../../build/coordinator.ts";

export interface Coordinators {
  /** The replica that holds the lease; null: none that runs. */
  leader(): CoordinatorProcess | null;
  /** SIGKILL to whoever leads. */
  kill(): void;
  /** SIGTERM to whoever leads. */
  stop(): void;
  /** Lines that a program logs where something went wrong that has no name. */
  bugs(): readonly string[];
  /** Starts what has ended. */
  follow(): void;
  readonly starts: number;
}

const NAMES = ["one", "two"] as const;

export function createCoordinators(options: {
  readonly world: () => World;
  readonly start: (name: string) => Promise<CoordinatorProcess>;
}): Coordinators {
  const running = new Map<string, CoordinatorProcess | null>();
  const all: CoordinatorProcess[] = [];
  let starts = 0;

  function launch(name: string): void {
    running.set(name, null);
    starts += 1;
    options.start(name).then(
      (program) => {
        running.set(name, program);
        all.push(program);
        void program.exited.then(() => running.delete(name));
      },
      // It ended while it started, as when its API server is away: the next look starts it again.
      () => running.delete(name),
    );
  }

  function leader(): CoordinatorProcess | null {
    const [lease] = options.world().list("leases");
    const holder = lease?.spec?.holderIdentity ?? "";
    const name = NAMES.find((one) => holder.startsWith(`${one}_`));
    return name === undefined ? null : (running.get(name) ?? null);
  }

  return {
    leader,
    kill: () => void leader()?.kill(),
    stop: () => void leader()?.stop(),
    bugs: () =>
      all.flatMap(({ logs }) =>
        logs
          .filter(
            ({ message, error }) =>
              message === "stage failed; the next cycle goes on" &&
              (error as { readonly kind?: string } | undefined)?.kind === "bug",
          )
          .map((line) => JSON.stringify(line)),
      ),
    follow: () => {
      for (const name of NAMES) if (!running.has(name)) launch(name);
    },
    get starts() {
      return starts;
    },
  };
}
