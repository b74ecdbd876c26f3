import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/postgres-global-setup.ts'],
    pool: 'forks',
    // The tests run as the program does: Node strips the types, and nothing is transformed.
    experimental: { viteModuleRunner: false },
    // As in tsconfig.json: `sallyport/agents` is the source, not the build.
    execArgv: ['--conditions=sallyport-source'],
    // Real servers take their share of the two cores a small machine has.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
