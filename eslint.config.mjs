import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** The floors: a folder imports only from folders above it in this list. */
const rooms = {
  lib: [],
  wire: ['lib'],
  engine: ['lib'],
  journal: ['lib', 'engine'],
  invoker: ['lib', 'engine', 'wire', 'journal'],
  coordinator: ['lib', 'engine', 'journal', 'invoker'],
  recovery: ['lib', 'engine', 'journal', 'coordinator'],
  rpc: ['lib', 'wire', 'engine', 'journal', 'invoker', 'coordinator'],
  daemon: ['lib', 'wire', 'engine', 'journal', 'invoker', 'coordinator', 'recovery', 'rpc'],
  sdk: ['lib', 'wire'],
  cli: ['lib', 'wire', 'sdk'],
  bin: ['daemon', 'cli'],
};

/** Of a lower room only these files may be imported: its interfaces, not its works. */
const interfacesOnly = {
  invoker: { journal: ['participants.ts'] },
  coordinator: { journal: ['journal.ts'], invoker: ['invoker.ts'] },
  recovery: { journal: ['journal.ts', 'participants.ts', 'coordinators.ts'] },
  rpc: {
    journal: ['journal.ts', 'participants.ts'],
    invoker: ['invoker.ts', 'registry.ts', 'attachment.ts', 'attachments.ts'],
  },
};

const zones = Object.entries(rooms).flatMap(([room, allowed]) => {
  const from = Object.keys(rooms)
    .filter((other) => other !== room && !allowed.includes(other))
    .map((other) => ({
      target: `./src/${room}`,
      from: `./src/${other}`,
      message: `src/${room} may import only from: ${allowed.join(', ') || 'nothing'}.`,
    }));
  const seams = Object.entries(interfacesOnly[room] ?? {}).map(([other, except]) => ({
    target: `./src/${room}`,
    from: `./src/${other}`,
    except: except.map((file) => `./${file}`),
    message: `src/${room} may import only ${except.join(', ')} of src/${other}.`,
  }));
  return [...from, ...seams];
});

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'src/wire/generated/', '.cache/'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, importX.flatConfigs.typescript],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver({ project: './tsconfig.json' })] },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Take a Clock (src/lib/clock.ts).' },
        { object: 'performance', property: 'now', message: 'Take a Clock (src/lib/clock.ts).' },
        { object: 'Math', property: 'random', message: 'Take a Random (src/lib/random.ts).' },
      ],
      'no-restricted-globals': [
        'error',
        { name: 'setTimeout', message: 'Take a Clock (src/lib/clock.ts).' },
        { name: 'setInterval', message: 'Take a Clock.' },
      ],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/lib/clock.ts', 'src/lib/random.ts'],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-globals': 'off' },
  },
  {
    files: ['test/**/*.ts', 'samples/**/*.ts', 'bench/**/*.ts'],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-globals': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: { 'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }] },
  },
);
