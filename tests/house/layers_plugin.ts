/**
 * A lint rule: imports go one way, down.
 *
 * @module
 */
import { problemOf } from "./layers.ts";

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    layers: {
      create(context) {
        const check = (node: Deno.lint.Node, source: string | undefined) => {
          if (source === undefined || !source.startsWith(".")) return;
          const to = new URL(source, `file://${context.filename}`).pathname;
          const message = problemOf(context.filename, to);
          if (message !== null) context.report({ node, message });
        };
        return {
          ImportDeclaration: (node) => check(node, node.source.value),
          ExportNamedDeclaration: (node) => check(node, node.source?.value),
          ExportAllDeclaration: (node) => check(node, node.source.value),
        };
      },
    },
  },
};

export default plugin;
