/** The commits of an Execute, as a proxy sees them: which statement makes what durable. */

type Matcher = (sql: string) => boolean;

/** A statement by itself, once: it commits by itself. */
export function once(pattern: RegExp): Matcher {
  let isDone = false;
  return (sql) => {
    if (isDone || !pattern.test(sql)) return false;
    isDone = true;
    return true;
  };
}

/** The COMMIT of the transaction in which the statement stands, once. Only for tests where one transaction runs at a time. */
export function commitOf(pattern: RegExp): Matcher {
  let hasBegun = false;
  const commit = once(/^COMMIT$/);
  return (sql) => {
    hasBegun ||= pattern.test(sql);
    return hasBegun && commit(sql);
  };
}

/** The rows of a new transaction, sent together with BEGIN and COMMIT. */
export const BEGIN = /^BEGIN;INSERT INTO tcc_transactions /;
/** A COMMIT: by itself, or sent together with what it commits. */
export const COMMIT = /^(COMMIT$|BEGIN;)/;
/** The decision to confirm: a statement by itself. */
export const CONFIRM = /^UPDATE tcc_transactions SET status = 1, decided_at/;
/** The decision to cancel: in a transaction with what is known of the branches. */
export const CANCEL = /^UPDATE tcc_transactions SET status = 2, reason_code/;
/** The end: a statement by itself when no call was worth a line in the timeline. */
export const FINISH = /^UPDATE tcc_transactions SET status = [34], is_open = 0/;
