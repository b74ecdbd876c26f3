import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The conditions of tsconfig.json: `sallyport/agents` is the source, not the build.
  resolve: { conditions: ['sallyport-source'] },
  ssr: { resolve: { conditions: ['sallyport-source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/postgres-global-setup.ts'],
    pool: 'forks',
    // Real servers take their share of the two cores a small machine has.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
