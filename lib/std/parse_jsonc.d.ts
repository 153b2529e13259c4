/** Parses JSON with comments and trailing commas; throws `SyntaxError` when it is neither. */
export function parse(text: string): unknown;
