// The buffer between a subscription that must not wait and a reader that may be slow. It is bounded: when it is
// full the oldest message goes, because the newer one says more.

export interface Queue<T> {
  push(item: T): void;
  /** The reader gets what is there and then ends. */
  end(): void;
  /** For one reader. `onReturn` runs when it has ended or stopped by itself. */
  read(onReturn: () => void): AsyncIterable<T>;
}

export function createQueue<T>(bound: number, onDrop: () => void): Queue<T> {
  let items: T[] = [];
  let over = false;
  let wake = (): void => {};
  return {
    push: (item) => {
      if (items.length >= bound) {
        items.shift();
        onDrop();
      }
      items.push(item);
      wake();
    },
    end: () => {
      over = true;
      wake();
    },
    read: async function* (onReturn) {
      try {
        while (!over || items.length > 0) {
          const batch = items;
          items = [];
          yield* batch;
          if (over || items.length > 0) continue;
          const news = Promise.withResolvers<void>();
          wake = news.resolve;
          await news.promise;
        }
      } finally {
        onReturn();
      }
    },
  };
}
