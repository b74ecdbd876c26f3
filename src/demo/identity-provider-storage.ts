// Where the demo's OpenID provider keeps sessions, codes and grants: in memory, for one run. Clients are read from
// a map that the provider's owner may add to while it runs. Called by oidc-provider alone.
import type { Adapter, AdapterPayload, ClientMetadata } from 'oidc-provider';

export function memoryStorage(clients: ReadonlyMap<string, ClientMetadata>): (model: string) => Adapter {
  const models = new Map<string, Adapter>();
  const grants = new Map<string, Set<() => void>>();
  return (model) => {
    const known = models.get(model);
    if (known) return known;
    const adapter = model === 'Client' ? clientAdapter(clients) : modelAdapter(grants);
    models.set(model, adapter);
    return adapter;
  };
}

function modelAdapter(grants: Map<string, Set<() => void>>): Adapter {
  const records = new Map<string, { payload: AdapterPayload; expiresAt: number }>();
  const live = (id: string): AdapterPayload | undefined => {
    const record = records.get(id);
    return record && record.expiresAt > Date.now() ? record.payload : undefined;
  };
  const findWhere = (key: 'uid' | 'userCode', value: string): AdapterPayload | undefined => {
    for (const [id, { payload }] of records) if (payload[key] === value) return live(id);
    return undefined;
  };
  return {
    upsert(id, payload, expiresIn) {
      records.set(id, { payload, expiresAt: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
      if (payload.grantId !== undefined) {
        const members = grants.get(payload.grantId) ?? new Set();
        grants.set(
          payload.grantId,
          members.add(() => records.delete(id)),
        );
      }
      return Promise.resolve(undefined);
    },
    find: (id) => Promise.resolve(live(id)),
    findByUid: (uid) => Promise.resolve(findWhere('uid', uid)),
    findByUserCode: (userCode) => Promise.resolve(findWhere('userCode', userCode)),
    consume(id) {
      const payload = live(id);
      if (payload) payload.consumed = Math.floor(Date.now() / 1000);
      return Promise.resolve(undefined);
    },
    destroy(id) {
      records.delete(id);
      return Promise.resolve(undefined);
    },
    revokeByGrantId(grantId) {
      for (const remove of grants.get(grantId) ?? []) remove();
      grants.delete(grantId);
      return Promise.resolve(undefined);
    },
  };
}

function clientAdapter(clients: ReadonlyMap<string, ClientMetadata>): Adapter {
  const readOnly = (): Promise<undefined> => Promise.reject(new Error('clients are registered by the demo alone'));
  return {
    find: (id) => Promise.resolve(clients.get(id) as AdapterPayload | undefined),
    findByUid: () => Promise.resolve(undefined),
    findByUserCode: () => Promise.resolve(undefined),
    upsert: readOnly,
    consume: readOnly,
    destroy: readOnly,
    revokeByGrantId: readOnly,
  };
}
