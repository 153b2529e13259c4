/**
 * How fast are secrets masked in log lines, beside the loop that anyone would write first?
 *
 * Both look for the same patterns. The loop asks of each line for each pattern whether the line
 * includes it. Where that takes too long it gets a part of the lines; its speed doesn't depend on
 * their number.
 *
 * Run it with `deno run bench/mask.ts`.
 *
 * @module
 */
import { patternsOf } from "../lib/runtime/mask/forms.ts";
import { createMasker, MASK, type Masker } from "../lib/runtime/mask/masker.ts";

const TOTAL_BYTES = 8 * 2 ** 20;
const CHUNK_BYTES = 64 * 2 ** 10;
const ROUNDS = 5;
/** How many times the loop may look for a pattern in a line, a round. */
const NAIVE_LOOKS = 10_000_000;

/** Medians of one number of secrets. */
export interface MaskResult {
  readonly secrets: number;
  /** Different byte patterns of all of these secrets. */
  readonly patterns: number;
  /** Time to make the masker, in milliseconds. */
  readonly buildMs: number;
  /** Speed of the masking stream over chunks of 64 KiB, in 10^6 bytes a second. */
  readonly maskerMBs: number;
  /** Speed of the loop of `includes` and `replaceAll`, in 10^6 bytes a second. */
  readonly naiveMBs: number;
  /** Median over the rounds of the two speeds' ratio. */
  readonly ratio: number;
}

/** Measures each number of secrets, in rounds in which masker and loop take turns. */
export function run(counts: readonly number[] = [10, 100, 1000]): Promise<MaskResult[]> {
  return Promise.resolve(counts.map(measure));
}

function measure(count: number): MaskResult {
  const random = generator(count);
  const secrets = Array.from({ length: count }, (_, i) => secret(random, i));
  const forms = [...new Set(secrets.flatMap(patternsOf).map((p) => new TextDecoder().decode(p)))];
  const lines = logLines(random, secrets);
  const few = lines.slice(0, Math.ceil(NAIVE_LOOKS / forms.length));
  const rounds = Array.from({ length: ROUNDS }, () => {
    const [buildMs, masker] = timed(() => createMasker(secrets));
    const maskerMBs = streamSpeed(masker, lines);
    const naiveMBs = naiveSpeed(forms, few);
    return { buildMs, maskerMBs, naiveMBs, ratio: maskerMBs / naiveMBs };
  });
  return {
    secrets: count,
    patterns: forms.length,
    buildMs: median(rounds.map((round) => round.buildMs)),
    maskerMBs: median(rounds.map((round) => round.maskerMBs)),
    naiveMBs: median(rounds.map((round) => round.naiveMBs)),
    ratio: median(rounds.map((round) => round.ratio)),
  };
}

function streamSpeed(masker: Masker, lines: readonly string[]): number {
  const bytes = new TextEncoder().encode(lines.join(""));
  const [ms] = timed(() => {
    const stream = masker.stream();
    let length = 0;
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      length += stream.push(bytes.subarray(at, at + CHUNK_BYTES)).length;
    }
    return length + stream.flush().length;
  });
  return bytes.length / ms / 1000;
}

function naiveSpeed(forms: readonly string[], lines: readonly string[]): number {
  const [ms, length] = timed(() => {
    let length = 0;
    for (let line of lines) {
      length += line.length;
      for (const form of forms) {
        if (line.includes(form)) line = line.replaceAll(form, MASK);
      }
    }
    return length;
  });
  return length / ms / 1000;
}

/** JSON log lines, of which one in two hundred shows a secret. */
function logLines(random: () => number, secrets: readonly string[]): string[] {
  const lines: string[] = [];
  for (let length = 0, i = 0; length < TOTAL_BYTES; i++) {
    const leak = random() < 1 / 200 ? secrets[Math.floor(random() * secrets.length)] : undefined;
    const line = JSON.stringify({
      time: new Date(1.75e12 + i * 37).toISOString(),
      level: random() < 0.9 ? "info" : "error",
      message: `request to https://api.example.com/v1/items/${i} took ${
        Math.floor(random() * 900)
      } ms`,
      request: token(random, 26),
      status: 200,
      ...(leak === undefined ? {} : { authorization: `Bearer ${leak}` }),
    }) + "\n";
    lines.push(line);
    length += line.length;
  }
  return lines;
}

/** Values as people keep them: API keys with a common prefix, tokens, passwords, connection URLs. */
function secret(random: () => number, index: number): string {
  switch (index % 4) {
    case 0:
      return `sk_live_${token(random, 24)}`;
    case 1:
      return token(random, 40);
    case 2:
      return `${token(random, 10)}!/+ ${token(random, 3)}`;
    default:
      return `postgres://app:${token(random, 16)}@db${index}.example.com:5432/app`;
  }
}

function token(random: () => number, length: number): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join("");
}

/** A seeded generator, so that each run has the same text: Marsaglia's xorshift32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function timed<T>(work: () => T): [ms: number, result: T] {
  const start = performance.now();
  const result = work();
  return [performance.now() - start, result];
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

if (import.meta.main) {
  const rows = (await run()).map((result) =>
    Object.entries(result).map(([name, value]) => [name, Number(value.toPrecision(3))])
  );
  console.table(rows.map((row) => Object.fromEntries(row)));
}
