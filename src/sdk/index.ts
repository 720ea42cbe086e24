export * from './client/index';
export * from './participant/index';
