import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Hundreds of processes read the same sources: what one has compiled, the next ones take over.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compile');

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/postgres-global-setup.ts'],
    pool: 'forks',
    // Two processes for all files: each would load the same modules anew, which takes longer than most of them test.
    isolate: false,
    // The tests run as the program does: Node strips the types, and nothing is transformed.
    experimental: { viteModuleRunner: false },
    // As in tsconfig.json: `sallyport/agents` is the source, not the build.
    // WebAssembly is not optimised, as in src/main.ts.
    execArgv: ['--conditions=sallyport-source', '--no-wasm-tier-up', '--no-wasm-dynamic-tiering'],
    // Real servers take their share of the two cores a small machine has.
    maxWorkers: 2,
    // A slow machine is no failure: what is waited for comes, or the test is wrong.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
