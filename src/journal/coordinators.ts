/** The coordinators that run on this database, so that they and the participants find each other. */
export interface CoordinatorStore {
  /** Makes a coordinator known, or renews it, for `lifetimeMs` of the database's clock. */
  save(coordinatorId: string, address: string, lifetimeMs: number): Promise<void>;
  /** Takes a coordinator out; an unknown one is no error. */
  remove(coordinatorId: string): Promise<void>;
  /** The addresses (host:port) of those that have not expired, sorted; and forgets those that expired long ago. */
  addresses(): Promise<readonly string[]>;
}
