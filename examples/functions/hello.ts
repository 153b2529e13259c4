/** Greets, with a greeting that is kept as a secret: `secrets set GREETING "Good morning"`. */
export default function handler(req: Request): Response {
  const name = new URL(req.url).searchParams.get("name") ?? "world";

  // Both ways give the same answer, and `undefined` when there is no such secret.
  const fromHelper = secrets.get("GREETING");
  const fromEnvironment = Deno.env.get("FLUXBASE_SECRET_GREETING");

  return Response.json({
    message: `${fromHelper ?? "Hello"}, ${name}!`,
    secretIsSet: fromEnvironment !== undefined,
  });
}
