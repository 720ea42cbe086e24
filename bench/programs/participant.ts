/** A participant that does nothing: BENCH_NAME at BENCH_COORDINATORS, attached unless BENCH_ATTACH is off. */
import { createParticipant } from 'tcc-coordinator/participant';

import { serve } from './serve';

const { BENCH_NAME = 'a', BENCH_COORDINATORS = '', BENCH_ATTACH = 'on', BENCH_DELAY_MS = '0' } = process.env;

const delayMs = Number(BENCH_DELAY_MS);
const work = delayMs === 0 ? () => undefined : () => new Promise<void>((resolve) => setTimeout(resolve, delayMs));

const participant = createParticipant({
  name: BENCH_NAME,
  coordinators: BENCH_COORDINATORS.split(','),
  attach: BENCH_ATTACH === 'on',
}).action('work', { try: work, confirm: work, cancel: work });

void participant.start().then(() => serve({}));
