/** What tccctl exits with. Scripts rely on these: they never change their meaning. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unavailable: 4,
  interrupted: 130,
} as const;

export const exitCodesHelp = `Exit codes:
  0    done
  1    the coordinator refused or failed the request, such as retrying a finished transaction
  2    the command line is wrong
  3    no transaction has this gid
  4    no coordinator answered in time
  130  interrupted (Ctrl-C)`;
