import type { Child } from './child';
import type { Coordinator, Processes } from './cluster';
import type { DatabaseServer } from './database';

/** What a figure is measured with. */
export interface Lab {
  /** Fresh for each figure; ended after it. */
  readonly processes: Processes;
  readonly server: DatabaseServer;
  readonly options: LabOptions;
}

export interface LabOptions {
  /** How often each side of a comparison is measured. */
  readonly rounds: number;
  /** Of each measurement, in milliseconds. */
  readonly windowMs: number;
  readonly warmMs: number;
}

/** One measured promise. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Such as ">= 0.6"; undefined for a value that only informs. */
  readonly goal: string | undefined;
  readonly met: boolean | undefined;
  /** The numbers behind it, in words. */
  readonly note: string;
}

export function atLeast(goal: number, value: number) {
  return { value, goal: `>= ${goal}`, met: value >= goal } as const;
}

export function atMost(goal: number, value: number) {
  return { value, goal: `<= ${goal}`, met: value <= goal } as const;
}

export function informs(value: number) {
  return { value, goal: undefined, met: undefined } as const;
}

/** A coordinator with its two participants on a database of its own, and the load. */
export interface Stage {
  readonly coordinator: Coordinator;
  readonly participants: readonly Child[];
  readonly load: Child;
  readonly databaseUrl: string;
}

export async function stage({ processes, server }: Lab, settings: Record<string, string> = {}): Promise<Stage> {
  const databaseUrl = server.urlOf(await server.create('journal'));
  const coordinator = await processes.tccd(databaseUrl, settings);
  const participants = await processes.participants([coordinator]);
  return { coordinator, participants, load: await processes.load(), databaseUrl };
}
