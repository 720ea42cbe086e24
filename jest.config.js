/** Three suites over one transform: unit (no I/O), integration (real databases), e2e (spawned daemons from dist/). */
const common = {
  rootDir: __dirname,
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  moduleNameMapper: {
    '^tcc-coordinator$': '<rootDir>/src/sdk/index.ts',
    '^tcc-coordinator/(.*)$': '<rootDir>/src/sdk/$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
};

const suite = (name, seconds) => ({
  ...common,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  setupFilesAfterEnv: [],
  testTimeout: seconds * 1000,
});

module.exports = { projects: [suite('unit', 10), suite('integration', 60), suite('e2e', 120)] };
