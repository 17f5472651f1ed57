// A real nats-server for tests, benches and the demo: on loopback, with JetStream, on a port that the system
// chooses and that stays the same over restarts. It can be stopped, killed and frozen like the real thing in
// a bad night. It ends with the process that started it.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";

import { obtain } from "../tools/obtain.ts";
import { endsWithUs } from "./ends-with-us.ts";

export interface NatsServerOptions {
  /** Default: the system chooses. */
  readonly port?: number;
  /** Where streams are kept. Default: a folder that `remove` deletes. */
  readonly dir?: string;
  /** Clients must present it. */
  readonly token?: string;
  /** A configuration file, for accounts and rights. */
  readonly config?: string;
  /** In a process group of its own, so that a terminal's Ctrl-C leaves it to us. */
  readonly ownGroup?: boolean;
}

export interface NatsServer {
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** Orderly end; what streams hold stays on disk. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and folder, stopping it first when it runs. */
  restart(): Promise<void>;
  /** The process stands still with its connections open, as behind a broken network. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Stops it and deletes the folder if it was made here. */
  remove(): Promise<void>;
}

/** Resolves when the server takes connections. */
export async function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  const program = await obtain("nats-server");
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "nats-")));
  let running = await launch(program, dir, options.port ?? -1, options);
  const { port } = running;

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    // A frozen process takes no other signal.
    child.kill("SIGCONT");
    await gone;
  };
  const forget = endsWithUs(() => {
    running.child.kill("SIGKILL");
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
  });

  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    get pid() {
      return running.child.pid ?? 0;
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    restart: async () => {
      await end("SIGTERM");
      running = await launch(program, dir, port, options);
    },
    freeze: async () => {
      running.child.kill("SIGSTOP");
      // The signal reaches one thread after the other; until the last has stopped the server may still answer.
      while (!(await isStopped(running.child.pid ?? 0))) await setImmediate();
    },
    thaw: () => {
      running.child.kill("SIGCONT");
    },
    remove: async () => {
      await end("SIGTERM");
      forget();
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

async function isStopped(pid: number): Promise<boolean> {
  const tasks = `/proc/${pid}/task`;
  const states = (await readdir(tasks)).map(async (task) => await readFile(`${tasks}/${task}/stat`, "utf8"));
  // The state follows the command's name in brackets, which may hold spaces.
  return (await Promise.all(states)).every((stat) => stat.slice(stat.lastIndexOf(")") + 2).startsWith("T"));
}

async function launch(
  program: string,
  dir: string,
  port: number,
  options: NatsServerOptions,
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const access = [
    ...(options.token === undefined ? [] : ["--auth", options.token]),
    ...(options.config === undefined ? [] : ["--config", options.config]),
  ];
  const child = spawn(
    program,
    ["--addr", "127.0.0.1", "--port", String(port), "--jetstream", "--store_dir", dir, ...access],
    {
      stdio: ["ignore", "ignore", "pipe"],
      detached: options.ownGroup ?? false,
    },
  );
  const said: string[] = [];
  let chosen = port;
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    chosen = Number(/Listening for client connections on .*:(\d+)$/.exec(line)?.[1] ?? chosen);
    if (line.includes("Server is ready")) {
      // Unread output would fill the pipe and stop the server.
      child.stderr.resume();
      return { child, port: chosen };
    }
  }
  throw new Error(`nats-server did not start:\n${said.join("\n")}`);
}
