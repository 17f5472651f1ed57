// Reads the address at which a pod wants to be told to save its state. Its own reader, because the usual form has no
// host ("http://:8080/checkpoint"), which the platform's refuses; and a strict one, because whoever writes a pod's
// annotations must not choose whom the agent calls. Resolves no names.

export type HookUrl =
  | {
      readonly kind: "url";
      /** As written, without brackets; empty: the pod's first address. */
      readonly host: string;
      readonly port: number;
      /** With its query, beginning with "/". */
      readonly path: string;
    }
  | Refused;

interface Refused {
  readonly kind: "refused";
  readonly why: string;
}

const WAY_OUT = 'write "http://:PORT/PATH", which is the pod\'s own address';
const LENGTH_MAX = 1_024;

export function readHookUrl(text: string): HookUrl {
  if (text.length > LENGTH_MAX) return refused(`longer than ${LENGTH_MAX} characters`);
  // Whatever a request line cannot carry as it stands: spaces, line ends, letters beyond ASCII.
  if (!/^[\x21-\x7e]+$/.test(text))
    return refused("only printable ASCII without spaces is taken; escape the rest by %");
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? [];
  if (scheme.toLowerCase() !== "http") return refused(`only plain http is called; ${WAY_OUT}`);
  const [, authority = "", tail = ""] = /^([^/?#\\]*)(.*)$/.exec(rest) ?? [];
  if (authority.includes("@")) return refused(`a user or password in the address is not taken; ${WAY_OUT}`);
  if (tail.includes("#") || tail.startsWith("\\"))
    return refused(`"#" and "\\" have no place in the path; ${WAY_OUT}`);
  const place = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(authority);
  if (place === null) return refused(`no host and port can be read; an IPv6 address stands in brackets`);
  const [, bracketed, plain = "", portText] = place;
  const port = portText === undefined ? 80 : /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) return refused(`the port must be a number from 1 to 65535`);
  const path = tail.startsWith("/") ? tail : `/${tail}`;
  return { kind: "url", host: bracketed ?? plain, port, path };
}

/**
 * The pod's address that is meant by `host`. `addresses` is what the kubelet reported; of these too, only such are called
 * as a pod can have. `loopback`: this machine's own are such too, as where pods are simulated.
 */
export function ownAddress(
  host: string,
  addresses: readonly string[],
  loopback = false,
): { readonly kind: "own"; readonly ip: string } | Refused {
  const [first] = addresses;
  if (first === undefined) return refused("the pod has no address yet (status.podIPs is empty)");
  const wanted = host === "" ? first : addresses.find((ip) => sameAddress(ip, host));
  if (wanted === undefined) {
    return refused(`only the pod itself is called, at ${addresses.slice(0, 2).join(" or ")}; ${WAY_OUT}`);
  }
  const ip = canonical(wanted);
  if (ip === null) return refused(`the pod's address ${wanted.slice(0, 45)} is no IP address`);
  if (isNoPodAddress(ip) && !(loopback && isLoopback(ip)))
    return refused(`${wanted} is no address of a pod; loopback and link-local are not called`);
  return { kind: "own", ip };
}

function sameAddress(ip: string, host: string): boolean {
  const own = canonical(ip);
  return own !== null && own === canonical(host);
}

/** One spelling for each address, without brackets; null when it is none. */
function canonical(text: string): string | null {
  // Other ways to write IPv4 (octal, one number) are read differently by different readers, so they are no address.
  if (/^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)) return text;
  if (!text.includes(":") || !/^[0-9a-f:.]+$/i.test(text)) return null;
  return URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1) ?? null;
}

function isLoopback(ip: string): boolean {
  return ip === "::1" || ip.startsWith("127.");
}

function isNoPodAddress(ip: string): boolean {
  return ip.includes(":")
    ? // Unspecified, loopback, IPv4 in IPv6, link-local (fe80::/10), multicast.
      /^(::1?|::ffff:.*|fe[89ab].*|ff.*)$/.test(ip)
    : // This network, loopback, link-local, multicast and above.
      /^(0|127|169\.254|22[4-9]|23\d|24\d|25\d)\./.test(ip);
}

function refused(why: string): Refused {
  return { kind: "refused", why };
}
