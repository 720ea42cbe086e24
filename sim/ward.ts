import type { Chance } from './kernel/chance';
import type { ParticipantNode } from './machines/participant';
import type { World } from './world';

/** Where a participant is that stays sick longer than all faults last, and whom that is allowed to hold up. */
export class Ward {
  private readonly world: World;
  private readonly chance: Chance;
  private patient: ParticipantNode | undefined;

  constructor(world: World, chance: Chance) {
    this.world = world;
    this.chance = chance;
  }

  /** In some worlds, sooner or later while faults still strike. */
  fallsIll(): void {
    const { scheduler, settings, participants, trace } = this.world;
    const { sickness, spanMs } = settings;
    const patient = participants[0];
    if (sickness === undefined || patient === undefined) return;
    scheduler.after(this.chance.between(0, spanMs), scheduler.nature, () => {
      trace.note(patient.setUp.name, `is sick: ${sickness}`);
      patient.sickness = sickness;
      this.patient = patient;
    });
  }

  get isOccupied(): boolean {
    return this.patient !== undefined;
  }

  get healthy(): readonly ParticipantNode[] {
    return this.world.participants.filter((node) => node !== this.patient);
  }

  /** What is open and none of its business. */
  get waitingElsewhere(): readonly string[] {
    return this.open().filter((gid) => !this.concerns(gid));
  }

  /** It is killed and started again, so that nothing of what it never answered is left. */
  recovers(): void {
    const { patient, world } = this;
    if (patient === undefined) return;
    if (this.open().length > 0)
      world.coverage.reached(
        `path: others go on beside a participant that ${patient.sickness === 'silent' ? 'never answers' : 'fails every call'}`,
      );
    world.trace.note(patient.setUp.name, 'is well again');
    patient.sickness = undefined;
    patient.crash();
    patient.start();
    this.patient = undefined;
  }

  private open(): readonly string[] {
    return this.world.watch.rows.open().map((row) => String(row['gid']));
  }

  private concerns(gid: string): boolean {
    return this.world.watch.rows.branchesOf(gid).some((row) => row['participant'] === this.patient?.setUp.name);
  }
}
