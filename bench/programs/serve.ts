/** The child's end of the channel to the bench: it answers what it is asked. */

interface Question {
  readonly id: number;
  readonly ask: string;
  readonly argument: unknown;
}

export type Answers = Readonly<Record<string, (argument: never) => unknown>>;

/** Answers every question by the function of its name; a throw becomes the asker's rejection. */
export function serve(answers: Answers): void {
  process.on('message', (question: Question) => void answer(answers, question));
  // The leash let go of the channel, which is what a program that only answers lives for.
  process.channel?.ref();
  process.send?.({ ready: true });
}

async function answer(answers: Answers, { id, ask, argument }: Question): Promise<void> {
  try {
    const of = answers[ask];
    if (of === undefined) throw new Error(`this program cannot answer "${ask}"`);
    process.send?.({ id, result: await of(argument as never) });
  } catch (error) {
    process.send?.({ id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
