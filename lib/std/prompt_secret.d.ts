export interface PromptSecretOptions {
  /** The character shown for each typed one; `""` shows nothing. */
  mask?: string;
  /** Whether the prompt's line is removed after the answer. */
  clear?: boolean;
}
/** Reads one line from the terminal without showing it; `null` when standard input is no terminal. */
export function promptSecret(message?: string, options?: PromptSecretOptions): string | null;
