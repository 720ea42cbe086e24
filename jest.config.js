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

const suite = (name) => ({
  ...common,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
});

// By itself jest leaves one core of two idle; the end-to-end suites mostly wait.
const WORKERS = 2;

// One bound for all: jest takes a timeout only for the whole run. It ends what hangs; no test waits for it.
module.exports = {
  maxWorkers: WORKERS,
  testTimeout: 120_000,
  projects: [suite('unit'), suite('integration'), suite('e2e')],
};
