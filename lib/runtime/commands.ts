/**
 * Which of the system's commands there are.
 *
 * @module
 */

/** Whether `command` can be run here: it is on the path and answers `--version`. */
export async function hasCommand(command: string): Promise<boolean> {
  const args = ["--version"];
  try {
    const tried = new Deno.Command(command, { args, stdout: "null", stderr: "null" });
    return (await tried.output()).success;
  } catch {
    return false;
  }
}
