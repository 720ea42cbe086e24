import type { BenchOptions } from '../options';
import type { DatabaseServer } from '../lab/database';
import type { Figure, Lab } from '../lab/lab';
import { againstDtm, curve } from './curve';
import { engine } from './engine';
import { history } from './history';
import { hotStock } from './hot-stock';
import { latency } from './latency';
import { memory } from './memory';
import { recovery } from './recovery';
import { sale } from './sale';
import { scale } from './scale';
import { slow } from './slow';
import { streams } from './streams';
import { unary } from './unary';

/** Figures that are measured together. */
export interface FigureGroup {
  readonly name: string;
  readonly what: string;
  /** On each database server, or on the first one only. */
  readonly on: 'each' | 'first';
  readonly byDefault: boolean;
  readonly measure: (
    lab: Omit<Lab, 'options'> & { readonly options: BenchOptions; readonly server: DatabaseServer },
  ) => Promise<Figure[]>;
}

const each = { on: 'each', byDefault: true } as const;
const first = { on: 'first', byDefault: true } as const;

export const figureGroups: readonly FigureGroup[] = [
  {
    name: 'streams',
    what: 'throughput on streams against its SQL alone; commits and round trips',
    ...each,
    measure: streams,
  },
  { name: 'engine', what: 'a journal that does nothing against a bare relay', ...first, measure: engine },
  { name: 'unary', what: 'unary calls against a unary relay', ...first, measure: unary },
  { name: 'latency', what: 'one transaction at a time against what it cannot do without', ...each, measure: latency },
  { name: 'recovery', what: '100,000 open transactions after kill -9', ...first, measure: recovery },
  { name: 'history', what: '5 million finished transactions in the table', ...first, measure: history },
  { name: 'memory', what: 'resident memory with 20,000 transactions in flight', ...first, measure: memory },
  { name: 'slow', what: 'a participant that answers in 1 s', ...first, measure: slow },
  { name: 'hot-stock', what: 'one item, batch handlers against single ones', ...each, measure: hotStock },
  { name: 'sale', what: '10,000 pieces and 50,000 buyers', ...each, measure: sale },
  { name: 'scale', what: 'a second tccd', ...first, measure: scale },
  { name: 'dtm', what: 'the same beside DTM (--against-dtm)', on: 'each', byDefault: false, measure: againstDtm },
  {
    name: 'curve',
    what: 'throughput and p99 over transactions in flight',
    on: 'first',
    byDefault: false,
    measure: curve,
  },
];
