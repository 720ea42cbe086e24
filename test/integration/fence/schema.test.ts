import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createFence } from '../../../src/sdk/fence';
import { targets } from './targets';

describe.each(targets)('migrations/fence on $name', (target) => {
  test('makes a table that the fence works on, also under another name', async () => {
    const database = await target.create();
    const open = target.open(database.url);
    try {
      const file = join(__dirname, '../../../migrations/fence', `${target.dialect}.sql`);
      const statement = (await readFile(file, 'utf8')).replace(/;\s*$/, '');
      await open.direct.execute(statement, []);
      for (const table of ['tcc_fence', 'other_fence']) {
        const fence = createFence({ dialect: target.dialect, table });
        await fence.createTable(open.direct);
        const result = await open.begin((executor) =>
          fence.run(executor, { gid: 'g', branchId: 'b', phase: 'try' }, () => Promise.resolve({ ok: true })),
        );
        expect(result).toMatchObject({ fence: 'FRESH', reply: { ok: true } });
      }
    } finally {
      await open.close();
      await database.drop();
    }
  });
});
