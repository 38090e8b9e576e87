// SPDX-License-Identifier: Apache-2.0
// Restate's side of the chain: restate.mjs PORT. `runs` is ten ctx.run, `calls` ten calls of another
// service; `sleep` waits for an hour.
import * as restate from "@restatedev/restate-sdk";

const stage = restate.service({ name: "stage", handlers: { echo: async (_ctx, d) => d } });

const chain = restate.service({
  name: "chain",
  handlers: {
    runs: async (ctx, d) => {
      for (let i = 0; i < 10; i++) {
        const before = d;
        d = await ctx.run(`s${i}`, () => before);
      }
      return d;
    },
    calls: async (ctx, d) => {
      for (let i = 0; i < 10; i++) {
        d = await ctx.serviceClient(stage).echo(d);
      }
      return d;
    },
    sleep: async (ctx, d) => {
      await ctx.sleep(3600_000);
      return d;
    },
  },
});

await restate.serve({ services: [chain, stage], port: Number(process.argv[2]) });
console.log("ready");
