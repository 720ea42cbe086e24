// Runs the simulation from its TypeScript sources, so that a file of src/ can be another for one run (see sim/patches.ts).
'use strict';
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const { join, relative, resolve } = require('node:path');
const { transformSync } = require('@swc/core');

const root = resolve(__dirname, '..');

/** `patches`: by file, relative to the root: [text that must be there once, text in its place]. */
function install(patches = {}) {
  Module._extensions['.ts'] = (module, filename) => {
    const name = relative(root, filename);
    let source = readFileSync(filename, 'utf8');
    for (const [before, after] of patches[name] ?? []) {
      if (source.split(before).length !== 2) throw new Error(`${name} does not hold exactly once: ${before}`);
      source = source.replace(before, () => after);
    }
    const { code } = transformSync(source, {
      filename,
      sourceMaps: 'inline',
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'commonjs' },
    });
    module._compile(code, filename);
  };
}

module.exports = { install };

if (require.main === module) {
  const patchFile = process.env.TCC_SIM_PATCHES;
  install(patchFile === undefined ? {} : JSON.parse(readFileSync(patchFile, 'utf8')));
  require(join(__dirname, 'main.ts'));
}
