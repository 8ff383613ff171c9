// A real OpenID provider for the tests of sign-in: the npm package `oidc-provider` on a free port of
// the loopback, with one client that must use PKCE and with the people that the caller names.
//
//   node server.mjs '{"ada":{"email":"ada@example.com","email_verified":true,"name":"Ada"}}'
//
// It prints its issuer as the first line, and ends when its standard input does. The provider's own
// pages ask for a login (any password will do) and for consent.

import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const people = JSON.parse(process.argv[2] ?? '{}');

const client = {
  client_id: 'mercat',
  client_secret: process.env.MERCAT_TEST_OIDC_SECRET ?? 'a secret of the tests',
  grant_types: ['authorization_code'],
  response_types: ['code'],
  // A native client's loopback address may have any port (RFC 8252, section 7.3).
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/v1/auth/oidc/house/callback'],
};

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [client],
  pkce: { required: () => true },
  cookies: { keys: ['a key of the tests'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'updated_at'] },
  findAccount: (_ctx, id) =>
    id in people && { accountId: id, claims: () => ({ sub: `subject-of-${id}`, ...people[id] }) },
});

server.on('request', provider.callback());
process.stdin.resume().on('close', () => process.exit());
console.log(issuer);
