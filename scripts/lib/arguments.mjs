/** What `npm test` was asked to do. What is not its own option goes to jest. */
export function parseTestArguments(args) {
  const jestArguments = [];
  let suitesOnly = false;
  let nodeMajor;
  for (let index = 0; index < args.length; index += 1) {
    if (args[index] === '--suites-only') {
      suitesOnly = true;
    } else if (args[index] === '--node') {
      nodeMajor = args[(index += 1)];
      if (!/^\d+$/.test(nodeMajor ?? '')) throw new Error('--node takes a major version, such as --node 24');
    } else {
      jestArguments.push(args[index]);
    }
  }
  // End-to-end suites spawn the programs under the Node that is installed, so another one shows nothing there.
  if (nodeMajor !== undefined && !jestArguments.some((argument) => argument.startsWith('--selectProjects'))) {
    jestArguments.push('--selectProjects', 'unit', 'integration');
  }
  return { suitesOnly, nodeMajor, jestArguments };
}
