import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real servers and real kernels under test are slow on a shared machine; no test carries a time limit of its own.
    testTimeout: 0,
    hookTimeout: 0,
  },
});
