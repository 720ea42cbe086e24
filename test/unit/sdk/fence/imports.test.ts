const heavy = [
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'knex',
  'mysql2',
  'mysql2/promise',
  'pg',
  '@photostructure/sqlite',
];

test.each(['index', 'knex', 'mysql2', 'pg', 'sqlite'])('the entry fence/%s pulls in no gRPC and no driver', (entry) => {
  jest.isolateModules(() => {
    for (const name of heavy) {
      jest.doMock(name, () => {
        throw new Error(`${name} was pulled in`);
      });
    }
    expect(() => jest.requireActual<object>(`../../../../src/sdk/fence/${entry}`)).not.toThrow();
    expect(() => jest.requireActual<object>('../../../../src/sdk/participant')).toThrow('was pulled in');
  });
});
