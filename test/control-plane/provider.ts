// The cloud behind the stand-in controllers: it has machines, or says why not. Nothing of Kubernetes is known here.

/** What a cloud says when it gives no machine. Codes as AWS spells them. */
export interface Refusal {
  readonly kind: "no-capacity" | "quota";
  readonly code: string;
  readonly message: string;
}

export interface Provider {
  /** Machines ever made. */
  readonly made: number;
  /** Those that run now, by the providerID that their nodes carry. */
  readonly running: ReadonlySet<string>;
  launch(): { readonly providerID: string } | Refusal;
  end(providerID: string): void;
  /** So many more, no more; null: without end. */
  stock(left: number | null): void;
  overQuota(): void;
}

const NO_CAPACITY: Refusal = {
  kind: "no-capacity",
  code: "InsufficientInstanceCapacity",
  message: "We currently do not have sufficient p5.48xlarge capacity in zone a",
};
const QUOTA: Refusal = {
  kind: "quota",
  code: "VcpuLimitExceeded",
  message: "You have requested more vCPU capacity than your current vCPU limit allows",
};

/** `name` is part of every providerID, so that two providers never make the same. */
export function createProvider(name: string): Provider {
  const running = new Set<string>();
  let made = 0;
  let left: number | null = null;
  let quota = false;
  return {
    get made() {
      return made;
    },
    running,
    launch: () => {
      if (quota) return QUOTA;
      if (left === 0) return NO_CAPACITY;
      if (left !== null) left -= 1;
      made += 1;
      const providerID = `test:///zone-a/${name}-${made}`;
      running.add(providerID);
      return { providerID };
    },
    end: (providerID) => {
      running.delete(providerID);
    },
    stock: (next) => {
      left = next;
    },
    overQuota: () => {
      quota = true;
    },
  };
}
