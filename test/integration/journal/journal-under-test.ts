import type { Journal } from '../../../src/journal/journal';

/** Stands for a journal that is opened only when the tests run. */
export function journalUnderTest(subject: () => Journal): Journal {
  return new Proxy({} as Journal, {
    get:
      (_target, name) =>
      (...all: unknown[]) =>
        (Reflect.get(subject(), name) as (...all: unknown[]) => unknown).apply(subject(), all),
  });
}
