/**
 * Which of the system's commands there are.
 *
 * @module
 */

/** Whether `command` can be run here: it is on the path and answers `--version`. */
export async function hasCommand(command: string): Promise<boolean> {
  const options = { args: ["--version"], stdout: "null", stderr: "null" } as const;
  try {
    return (await new Deno.Command(command, options).output()).success;
  } catch {
    return false;
  }
}
