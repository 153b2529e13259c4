import { nanoid } from "npm:nanoid@5.1.6";

/** Makes a short random id, with a package from npm. */
export default function handler(): Response {
  return Response.json({ id: nanoid(10) });
}
