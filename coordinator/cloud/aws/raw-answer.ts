// Whether an answer is what AWS's query protocol says it is, before the SDK reads it: the SDK takes an error with
// status 200 for an empty answer. Pure; it reads the frame of the XML, not what is in it.

/**
 * What is wrong with the frame of an answer to `call`, in words; null when the SDK may read it. A status of 300 or more
 * has to bear an error, any other the call's own element, from its beginning to its end.
 */
export function unreadable(call: string, status: number, text: string): string | null {
  const trimmed = text.trim();
  const root = /^(?:<\?xml[^>]*\?>\s*)?<([\w:.-]+)[\s>/]/.exec(trimmed)?.[1];
  if (root === undefined)
    return trimmed === ""
      ? `answered ${status} without a word`
      : `answered ${status} with something that is no XML`;
  const isWhole = trimmed.endsWith(`</${root}>`);
  if (status >= 300) {
    // EC2 and Auto Scaling wrap their errors in one or the other.
    if (root !== "ErrorResponse" && root !== "Response")
      return `answered ${status} with <${root}>, which is no error of AWS`;
    return isWhole
      ? null
      : `answered ${status} with an error that is cut off after ${text.length} characters`;
  }
  if (root === `${call}Response`)
    return isWhole ? null : `answered ${status} with XML that is cut off after ${text.length} characters`;
  const said = /<Code>([^<]*)<\/Code>[\s\S]*?<Message>([^<]*)<\/Message>/.exec(trimmed);
  return said === null
    ? `answered ${status} with <${root}>`
    : `answered ${status} with an error in it: ${said[1] ?? ""}: ${said[2] ?? ""}`;
}
