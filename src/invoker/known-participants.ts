import type { NewInstance, StoredAction, StoredInstance } from '../journal/participants';
import { TccError } from '../lib/errors';

/** An instance, from the store or from the config file. */
export interface KnownInstance extends NewInstance {
  /** Names it among all instances of all participants. */
  readonly key: string;
  /** Epoch milliseconds of the database's clock; undefined for one of the config file, which never ends. */
  readonly expiresAt: number | undefined;
}

/** A participant of the config file. */
export interface StaticParticipant {
  readonly name: string;
  /** host:port */
  readonly address: string;
  readonly actions: readonly StoredAction[];
}

const NONE: readonly KnownInstance[] = [];

/** How many names an error message lists. */
const NAMES_LISTED = 10;

export function keyOf(participant: string, instanceId: string): string {
  return `${participant}/${instanceId}`;
}

export function known(instance: StoredInstance): KnownInstance {
  return { ...instance, key: keyOf(instance.participant, instance.instanceId) };
}

export function knownFromConfig({ name, address, actions }: StaticParticipant): KnownInstance {
  const instanceId = `config:${address}`;
  return { participant: name, instanceId, address, actions, expiresAt: undefined, key: keyOf(name, instanceId) };
}

/** Every known instance by participant, in the order in which they were saved last: the newest at the end. */
export class KnownParticipants {
  private readonly byName = new Map<string, Map<string, KnownInstance>>();
  /** The same as lists, as far as they were asked for: every call asks. */
  private readonly lists = new Map<string, readonly KnownInstance[]>();
  /** By participant and action, as far as it was asked for: every call asks. */
  private readonly newest = new Map<string, Map<string, StoredAction>>();

  private count = 0;

  constructor(instances: readonly KnownInstance[]) {
    for (const instance of instances) this.put(instance);
  }

  /** Adds it, or replaces the one of the same key, as the newest. */
  put(instance: KnownInstance): void {
    const { participant, key } = instance;
    const instances = this.byName.get(participant) ?? new Map<string, KnownInstance>();
    this.byName.set(participant, instances);
    if (!instances.delete(key)) this.count += 1;
    instances.set(key, instance);
    this.lists.delete(participant);
    this.newest.delete(participant);
  }

  /** How many instances all participants have together. */
  get size(): number {
    return this.count;
  }

  names(): readonly string[] {
    return [...this.byName.keys()].sort();
  }

  instances(participant: string): readonly KnownInstance[] {
    const noted = this.lists.get(participant);
    if (noted !== undefined) return noted;
    const known = this.byName.get(participant);
    if (known === undefined) return NONE;
    const list = [...known.values()];
    this.lists.set(participant, list);
    return list;
  }

  has(key: string): boolean {
    const participant = key.slice(0, key.indexOf('/'));
    return this.byName.get(participant)?.has(key) === true;
  }

  /** The action as the newest instance that has it says; live or not. While versions change, old and new actions are both known. */
  action(participant: string, action: string): StoredAction | undefined {
    const known = this.newest.get(participant);
    const noted = known?.get(action);
    if (noted !== undefined) return noted;
    const instances = this.instances(participant);
    // What nobody has is not noted: there is no end of such names.
    const instance = instances.findLast(({ actions }) => actions.some(({ name }) => name === action));
    const found = instance && actionOf(instance, action);
    if (found === undefined) return undefined;
    if (known === undefined) this.newest.set(participant, new Map([[action, found]]));
    else known.set(action, found);
    return found;
  }

  /** The error for an action that is not there: UNKNOWN_PARTICIPANT or UNKNOWN_ACTION, with the names that are. */
  unknown(participant: string, action: string): TccError {
    const newest = this.instances(participant).at(-1);
    if (newest === undefined) {
      const text = `no participant is named ${participant}; ${listed(this.names(), 'known are', 'none is registered yet')}`;
      return new TccError('UNKNOWN_PARTICIPANT', text, { metadata: { participant } });
    }
    const names = newest.actions.map(({ name }) => name);
    const text = `participant ${participant} has no action ${action}; ${listed(names, 'it has', 'it has none')}`;
    return new TccError('UNKNOWN_ACTION', text, { metadata: { participant, action } });
  }
}

export function actionOf(instance: KnownInstance, action: string): StoredAction | undefined {
  return instance.actions.find(({ name }) => name === action);
}

function listed(names: readonly string[], some: string, none: string): string {
  if (names.length === 0) return none;
  const more = names.length > NAMES_LISTED ? ` and ${names.length - NAMES_LISTED} more` : '';
  return `${some} ${names.slice(0, NAMES_LISTED).join(', ')}${more}`;
}
