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
    // A slow machine is no failure: what is waited for comes, or the test is wrong.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
