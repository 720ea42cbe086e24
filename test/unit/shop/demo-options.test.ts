import { parseOptions } from '../../../samples/shop/demo/options';
import { parseQuantities } from '../../../samples/shop/service/quantities';

describe('the demo reads its arguments', () => {
  test('nothing asks for the tour on SQLite', () => {
    expect(parseOptions([], {})).toEqual({ keep: false, sale: undefined, serverUrl: undefined });
  });

  test('--buyers and --stock ask for a flash sale, and each has a default', () => {
    expect(parseOptions(['--buyers', '7', '--stock', '3'], {})?.sale).toEqual({ buyers: 7, stock: 3 });
    expect(parseOptions(['--stock', '3', '--keep'], {})).toMatchObject({ keep: true, sale: { buyers: 500, stock: 3 } });
  });

  test('TCC_DATABASE_URL names a MySQL server, or SQLite as ever', () => {
    expect(parseOptions([], { TCC_DATABASE_URL: 'mysql://root@db:3306' })?.serverUrl).toBe('mysql://root@db:3306');
    expect(parseOptions([], { TCC_DATABASE_URL: 'sqlite:x' })?.serverUrl).toBeUndefined();
  });

  test('--help asks for help', () => {
    expect(parseOptions(['--help'], {})).toBeUndefined();
  });

  test.each([[['--buyers', '0']], [['--stock', 'many']], [['--buyers', '1e9']], [['--fast']], [['sale']]])(
    '%j is refused',
    (args) => {
      expect(() => parseOptions(args, {})).toThrow();
    },
  );

  test('a database URL of another kind is refused', () => {
    expect(() => parseOptions([], { TCC_DATABASE_URL: 'postgres://x' })).toThrow(/mysql:\/\//);
  });
});

describe('what a service starts with', () => {
  test('is written as name=amount, separated by commas', () => {
    expect(parseQuantities('lamp=10, clock=1')).toEqual({ lamp: 10, clock: 1 });
    expect(parseQuantities('')).toEqual({});
  });

  test.each(['lamp', '=3', 'lamp=-1', 'lamp=1.5', 'lamp=many'])('%s is refused', (text) => {
    expect(() => parseQuantities(text)).toThrow(/is not like lamp=10/);
  });
});
