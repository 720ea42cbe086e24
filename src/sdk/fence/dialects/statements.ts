/**
 * The fence's statements in one dialect, for one table. Placeholders are `?`; a key is gid, then branch_id. The times in
 * the rows are the database's own clock, so that purging compares like with like.
 */
export interface FenceStatements {
  readonly createTable: string;
  /**
   * (key) Inserts the row as TRIED / as CANCELLED; where it is there already, counts the call. Being the first statement
   * of its phase it locks the row either way: whoever comes second waits until the first has committed.
   */
  readonly insertTried: string;
  readonly insertCancelled: string;
  /** Whether these two return the row; if not, affectedRows is 1 for a new row and 2 for one that was there. */
  readonly insertReturnsRow: boolean;
  /** (key) TRIED → CONFIRMED; affectedRows 1 when it took effect. */
  readonly confirm: string;
  /** (key) Counts a call that changes nothing, so that the row stays while late messages still come (I12). */
  readonly touch: string;
  /** (key) Reads status, calls, reply and reply_type of a row that this transaction has written. */
  readonly read: string;
  /** (reply, reply_type, key) Keeps the reply of a Try. */
  readonly storeReply: string;
  /** (key) Sets CANCELLED after the business Cancel. */
  readonly cancel: string;
  /**
   * Where the database answers COMMIT of a failed transaction with a silent rollback: a statement that fails then.
   * It stands at the end of a phase that has no other statement there.
   */
  readonly probe: string | undefined;
  /** (age in ms, key.gid, key.gid, key.branch_id) The next keys after this one, in order; `purgeable` is 1 or 0. */
  scan(limit: number): string;
  /** (key, age in ms) Deletes one finished row by its full key. */
  readonly purge: string;
  readonly batch: FenceBatchStatements;
}

/**
 * The same for many rows at once. The placeholder stands for the keys as one JSON text, `[[gid, branch_id], …]`, sorted:
 * so the statement's text is the same for any number of keys (a server keeps each text that was ever prepared), and each
 * key is looked up in the primary key, in this order, whatever the optimizer thinks of the table's size.
 */
export interface FenceBatchStatements {
  /** As insertTried and insertCancelled; each new row counts 1 in affectedRows, and each that was there 2. */
  readonly insertTried: string;
  readonly insertCancelled: string;
  /** Reads key, status, calls, reply and reply_type of the rows that this transaction has written. */
  readonly read: string;
  /** The same, and locks them; keys without a row are left out. */
  readonly lock: string;
  readonly touch: string;
  /** Sets CONFIRMED and counts the call / sets CANCELLED; whatever the rows said. They are locked by then. */
  readonly confirm: string;
  readonly cancel: string;
  /** Takes rows back that this transaction has inserted. */
  readonly remove: string;
  /** `[[gid, branch_id, reply in base64, reply_type], …]` Undefined where one statement for each costs no round trip. */
  readonly storeReplies: string | undefined;
}
