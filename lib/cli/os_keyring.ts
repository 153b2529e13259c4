/**
 * The keyring of the operating system: secret-tool on Linux, security on macOS. The key goes through
 * stdin and stdout, never through arguments.
 *
 * @module
 */

const SERVICE = "fluxbase-secrets";

/** Whether the keyring took the key; `false` where there is none or it is locked. */
export async function putInKeyring(account: string, key: string): Promise<boolean> {
  if (Deno.build.os === "darwin") {
    // In this mode the words are read from stdin.
    const line = `add-generic-password -U -s ${SERVICE} -a ${quote(account)} -w ${quote(key)}\n`;
    return (await run("security", ["-i"], line)) !== null;
  }
  const label = `--label=Fluxbase ${account}`;
  return (await run("secret-tool", ["store", label, ...attributes(account)], key)) !== null;
}

/** The key; `null` where there is none, no keyring, or it is locked. */
export async function getFromKeyring(account: string): Promise<string | null> {
  const out = Deno.build.os === "darwin"
    ? await run("security", ["find-generic-password", "-s", SERVICE, "-a", account, "-w"])
    : await run("secret-tool", ["lookup", ...attributes(account)]);
  return out?.trim() || null;
}

/** Removes the key, if there is one. */
export async function removeFromKeyring(account: string): Promise<void> {
  if (Deno.build.os === "darwin") {
    await run("security", ["delete-generic-password", "-s", SERVICE, "-a", account]);
  } else {
    await run("secret-tool", ["clear", ...attributes(account)]);
  }
}

function attributes(account: string): string[] {
  return ["service", SERVICE, "account", account];
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** What it printed; `null` when it isn't there or failed. */
async function run(command: string, args: string[], stdin = ""): Promise<string | null> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "null" })
      .spawn();
  } catch {
    return null;
  }
  const writer = child.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(stdin)).then(() => writer.close());
  const [output] = await Promise.all([child.output(), written.catch(() => {})]);
  return output.success ? new TextDecoder().decode(output.stdout) : null;
}
