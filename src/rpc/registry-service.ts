import type { Registry } from '../invoker/registry';
import type { StoredAction } from '../journal/participants';
import type { Action } from '../wire/generated/tcc/v1/Action';
import type { RegistryServiceHandlers } from '../wire/generated/tcc/v1/RegistryService';
import type { Calls } from './handler';
import type { RequestLimits } from './validate';
import { readDeregister, readRegister } from './validate-registry';

/** What the service needs of the registry. */
export type ParticipantRegistry = Pick<Registry, 'register' | 'deregister' | 'list'>;

/** tcc.v1.RegistryService. */
export function registryService(
  limits: RequestLimits,
  calls: Calls,
  { registry }: { readonly registry: ParticipantRegistry },
): Pick<RegistryServiceHandlers, 'Register' | 'Deregister' | 'ListParticipants'> {
  return {
    Register: calls.unary('Register', async (request) => {
      const { instance, lifetimeMs } = readRegister(request, limits);
      await registry.register(instance, lifetimeMs);
      return { lifetimeMs };
    }),
    Deregister: calls.unary('Deregister', async (request) => {
      const { participant, instanceId } = readDeregister(request);
      await registry.deregister(participant, instanceId);
      return {};
    }),
    ListParticipants: calls.unary('ListParticipants', () =>
      Promise.resolve({
        participants: registry.list().map(({ name, actions, instances }) => ({
          name,
          actions: actions.map(actionMessage),
          instances: instances.map(({ instanceId, address, expiresAt, live }) => ({
            instanceId,
            address,
            expiresAtMs: expiresAt,
            live,
          })),
        })),
      }),
    ),
  };
}

function actionMessage(action: StoredAction): Action {
  return {
    name: action.name,
    methods: action.methods ?? null,
    callTimeoutMs: action.callTimeoutMs,
    tryAttempts: action.tryAttempts,
  };
}
