import { Abort } from '../../../src/lib/abort';

test('listeners hear of the abort once, in their order, and the reason stands', () => {
  const abort = new Abort();
  const heard: string[] = [];
  abort.addEventListener('abort', () => heard.push(`first: ${String(abort.reason)}`));
  abort.addEventListener('abort', () => heard.push('second'));
  abort.abort('because');
  abort.abort('again');
  expect(heard).toEqual(['first: because', 'second']);
  expect([abort.aborted, abort.reason]).toEqual([true, 'because']);
});

test('a listener that was removed, or came too late, hears nothing', () => {
  const abort = new Abort();
  const heard = jest.fn();
  abort.addEventListener('abort', heard);
  abort.removeEventListener('abort', heard);
  abort.removeEventListener('abort', heard);
  abort.abort();
  abort.addEventListener('abort', heard);
  expect(heard).not.toHaveBeenCalled();
});

test('a listener may remove another one while both are told', () => {
  const abort = new Abort();
  const second = jest.fn();
  abort.addEventListener('abort', () => abort.removeEventListener('abort', second));
  abort.addEventListener('abort', second);
  abort.abort();
  expect(second).toHaveBeenCalledTimes(1);
});

test('throwIfAborted throws the reason', () => {
  const abort = new Abort();
  abort.throwIfAborted();
  abort.abort(new Error('because'));
  expect(() => abort.throwIfAborted()).toThrow('because');
});

test('those who stay are told in their order, whoever left', () => {
  const abort = new Abort();
  const heard: string[] = [];
  const [a, b, c] = ['a', 'b', 'c'].map((name) => () => void heard.push(name));
  for (const listener of [a, b, c]) if (listener) abort.addEventListener('abort', listener);
  if (a) abort.removeEventListener('abort', a);
  if (a) abort.addEventListener('abort', a);
  if (b) abort.removeEventListener('abort', b);
  abort.abort();
  expect(heard).toEqual(['c', 'a']);
});
