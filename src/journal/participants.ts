/**
 * The registered participants, kept beside the journal so that every coordinator on the database knows them all.
 */
export interface ParticipantStore {
  /** Inserts or renews an instance: expiresAt = the database's now + lifetimeMs. */
  save(instance: NewInstance, lifetimeMs: number): Promise<void>;
  /** Makes an instance expire now; unknown ones are ignored. Its row stays, so that its name and actions are still known. */
  expire(participant: string, instanceId: string): Promise<void>;
  /** Every instance, live or expired, ordered by participant and by when it was last saved (oldest first); and the database's now. */
  all(): Promise<{ readonly nowMs: number; readonly instances: readonly StoredInstance[] }>;
  /** Forgets instances that expired more than `keptMs` ago: all of them, or those of one participant. */
  forget(keptMs: number, participant?: string): Promise<void>;
}

export interface NewInstance {
  readonly participant: string;
  readonly instanceId: string;
  /** host:port */
  readonly address: string;
  readonly actions: readonly StoredAction[];
}

export interface StoredInstance extends NewInstance {
  readonly expiresAt: number;
}

export interface StoredAction {
  readonly name: string;
  /** Full method names ('/pkg.Service/Method') where the participant's own methods serve the action. */
  readonly methods: { readonly try: string; readonly confirm: string; readonly cancel: string } | undefined;
  /** Milliseconds for one call; 0: the coordinator's default. */
  readonly callTimeoutMs: number;
  /** 0: the coordinator's default. */
  readonly tryAttempts: number;
}
