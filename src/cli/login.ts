// `sallyport login`, `logout` and `whoami`: a person in a terminal, by the device flow (RFC 8628).
import { Command } from 'commander';
import * as oauth from 'openid-client';
import { colours, errorColours } from './colours.ts';
import { printable } from '../core/printable.ts';
import { identityScopes } from '../identity/people-client.ts';
import { readLogin, removeLogin, writeLogin } from './login-file.ts';
import { callApi } from './people-api.ts';
import { brokerOrigin, loginAt, reasonOf, withBroker, type PeopleOptions } from './people-broker.ts';
import { EXIT, UsageError } from './terminal.ts';

export function loginCommand(): Command {
  return withBroker(new Command('login'))
    .summary('sign in for the commands that decide')
    .description('Signs you in for the commands that decide, in your browser, at the issuer that the broker names.')
    .addHelpText(
      'after',
      '\nWhere the broker is a confidential client, its secret is read from SALLYPORT_CLIENT_SECRET.',
    )
    .action(login);
}

async function login({ data, url }: PeopleOptions): Promise<void> {
  const origin = brokerOrigin(url);
  const { client, resource, issuer } = await loginAt(origin);
  if (client.serverMetadata().device_authorization_endpoint === undefined) {
    throw new UsageError(`${issuer} has no device flow`, `Decide in a browser: ${origin}/console/approvals`);
  }
  try {
    const scope = identityScopes(client, ['offline_access']);
    const device = await oauth.initiateDeviceAuthorization(client, { scope, resource });
    const address = device.verification_uri_complete ?? device.verification_uri;
    process.stderr.write(
      `Open ${errorColours.cyan(printable(address))}\nand confirm the code ${errorColours.bold(printable(device.user_code))}\n`,
    );
    const tokens = await oauth.pollDeviceAuthorizationGrant(client, device, { resource });
    await writeLogin(data, {
      broker: origin,
      accessToken: tokens.access_token,
      ...(tokens.refresh_token === undefined ? {} : { refreshToken: tokens.refresh_token }),
      expiresAt: Date.now() + (tokens.expires_in ?? 0) * 1000,
    });
  } catch (error) {
    throw new UsageError(
      `${issuer} did not sign you in: ${printable(reasonOf(error))}`,
      'Start again: sallyport login',
    );
  }
  await whoami({ data, url: origin });
}

export function logoutCommand(): Command {
  return withBroker(new Command('logout'))
    .summary('forget the login')
    .description('Forgets the login, and has the issuer end it.')
    .action(async ({ data }: PeopleOptions) => {
      const kept = await readLogin(data).catch(() => undefined);
      await removeLogin(data);
      if (kept?.refreshToken === undefined) return;
      try {
        const { client } = await loginAt(kept.broker);
        await oauth.tokenRevocation(client, kept.refreshToken);
      } catch (error) {
        process.stderr.write(
          `The login is forgotten here; the issuer could not be told: ${printable(reasonOf(error))}\n`,
        );
      }
    });
}

export function whoamiCommand(): Command {
  return withBroker(new Command('whoami'))
    .summary('say who you are, and which roles you have')
    .description('Says who you are to the broker, and which roles you have.')
    .option('--json', 'as JSON')
    .action(whoami);
}

interface Whoami {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
}

async function whoami(options: PeopleOptions & { readonly json?: true }): Promise<void> {
  const answer = await callApi(options, '/whoami');
  if ('problem' in answer) {
    process.stderr.write(`${answer.problem.detail}\n`);
    process.exitCode = EXIT.no;
    return;
  }
  const { issuer, subject, name, groups, roles } = answer.value as Whoami;
  if (options.json) {
    process.stdout.write(`${JSON.stringify(answer.value, null, 2)}\n`);
    return;
  }
  const lines = [
    `${colours.bold(printable(name))} ${colours.dim(printable(`${subject} at ${issuer}`))}`,
    `groups: ${printable(groups.join(', ')) || 'none'}`,
    `roles:  ${roles.join(', ') || 'none; you may open the approvals that ask you'}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
