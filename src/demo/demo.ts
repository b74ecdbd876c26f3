// The demo: sets the stage, lets the agent play the story, tells it, checks it, and stays up or ends. Effectful.
import { inspect } from 'node:util';
import { OpenAIProvider } from '@openai/agents';
import { sallyport } from '../agents.ts';
import { coloursOf } from '../cli/colours.ts';
import { runAgent } from './agent-run.ts';
import type { AgentRun } from './agent-run.ts';
import { checkCalls, checkCarrier, checkDatabase, checkMasks, checkRemains } from './checks.ts';
import type { Check } from './checks.ts';
import { narrator } from './narrator.ts';
import type { Narrator } from './narrator.ts';
import { setStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { stopRequest } from './stop-request.ts';
import { CUSTOMER, EXPECTED, INSTRUCTIONS, TASK, scriptedModel } from './story.ts';
import { tryIt } from './try-it.ts';

export interface DemoOptions {
  /** End after the story. */
  readonly exit: boolean;
  /** One line of JSON on stdout once it is up; the story goes to stderr. */
  readonly json: boolean;
}

/** Resolves with the exit code once nothing of the demo is left: 0 where every step went as it should, else 1. */
export async function runDemo({ exit, json }: DemoOptions): Promise<number> {
  using stop = stopRequest();
  const out = json ? process.stderr : process.stdout;
  const tell = narrator({ write: (text) => void out.write(text), colours: coloursOf(out) });
  // The story goes on where nobody reads it: what was started must be ended.
  out.on('error', () => undefined);
  const failed: string[] = [];
  const passes = ({ text, problem }: Check): void => {
    tell.check(text, problem);
    if (problem !== undefined) failed.push(text);
  };

  tell.heading('Sallyport: the whole of a guarded call, on this machine alone');
  let step = 'everything starts';
  try {
    await using stage = await setStage();
    stop.signal.throwIfAborted();
    step = 'the agent does its task';
    const secrets = [...(await stage.shop.secrets()), stage.carrier.secret, stage.clientSecret];
    const run = await play(stage, tell, stop.signal, exit || json);

    step = 'the story can be checked';
    tell.heading('Was it so? The log, the database and the files say');
    [...checkCalls(run, EXPECTED), ...checkMasks(run, secrets)].forEach(passes);
    (await checkDatabase(await stage.readLog(), stage.shop, CUSTOMER)).forEach(passes);
    passes(checkCarrier(stage.carrier, stage.clientId));
    const token = await stage.agentToken();
    if (json) process.stdout.write(`${JSON.stringify(summary(stage, run, token, failed))}\n`);
    if (!exit) {
      tell.heading('It is all still up. Try it');
      for (const { what, commands } of tryIt({ ...stage, token }, programName())) tell.commands(what, commands);
      tell.paragraph('Ctrl-C ends it, and leaves nothing behind.');
      await stop.asked;
      tell.heading('Stopping');
    }

    step = 'the broker stops in good order';
    await stage.stopBroker();
    (await checkRemains(await stage.readLog(), stage.shop, stage.dataDirectory, secrets)).forEach(passes);
    step = 'everything ends';
  } catch (error) {
    if (stop.signal.aborted) {
      tell.paragraph('Stopped before the end of the story.');
      return 1;
    }
    passes({ text: step, problem: error instanceof Error ? error.message : String(error) });
    process.stderr.write(`${inspect(error)}\n`);
  }
  tell.verdict(failed);
  return failed.length === 0 ? 0 : 1;
}

/** @param alone nobody sits here to approve: the approver's part is played over the API */
async function play(stage: Stage, tell: Narrator, signal: AbortSignal, alone: boolean): Promise<AgentRun> {
  const scripted = (process.env['OPENAI_API_KEY'] ?? '') === '';
  const model = scripted ? scriptedModel() : await new OpenAIProvider().getModel();
  tell.facts([
    ['Postgres', `a small shop, at ${new URL(stage.databaseUrl).host}`],
    ['OpenID', `a real provider, at ${stage.issuer}`],
    ['carrier', `an HTTP API that takes tokens of that provider, at ${stage.carrier.url}`],
    ['Slack', `a stand-in, at ${stage.slackUrl}`],
    ['broker', `${stage.url}, with the rules of ${stage.policiesDirectory}`],
    ['agent', `${stage.clientId}, an OpenAI Agents SDK agent with sallyport/agents`],
    ['model', scripted ? 'SCRIPTED: no model thinks here, as OPENAI_API_KEY is not set; all else is real' : 'OpenAI'],
  ]);
  tell.heading('The task');
  tell.paragraph(TASK);

  let count = 0;
  const over = new AbortController();
  const approved = approveLargeRefund(stage, tell, AbortSignal.any([signal, over.signal]), alone);
  // Where the agent fails first, its failure is the one to tell.
  approved.catch(() => undefined);
  const run = await runAgent({
    name: 'Support',
    instructions: INSTRUCTIONS,
    task: TASK,
    model,
    server: sallyport({
      url: stage.url,
      issuer: stage.issuer,
      clientId: stage.clientId,
      clientSecret: stage.clientSecret,
      session: 'demo',
    }),
    readLog: stage.readLog,
    onCall: (call) => {
      tell.call((count += 1), call);
    },
    signal,
  }).finally(() => over.abort());
  await approved;
  tell.heading(`The agent says${scripted ? ' (scripted)' : ''}`);
  tell.paragraph(run.said);
  return run;
}

/** The large refund waits for a person. Ends quietly when the story ends before it comes to that. */
async function approveLargeRefund(
  { approver, publicUrl, slackUrl }: Stage,
  tell: Narrator,
  signal: AbortSignal,
  alone: boolean,
): Promise<void> {
  try {
    const { id } = await approver.nextPending(signal);
    tell.heading(`The large refund waits for somebody in finance (approval ${id})`);
    if (alone) {
      await approver.approve(id, 'The parcel is lost, says the carrier.');
      return;
    }
    tell.paragraph('You are that person: look at it, and say yes or no.');
    const terminal = programName();
    tell.facts([
      ['page', `${publicUrl}/console/approvals/${id}`],
      ['Slack', `${slackUrl}, a stand-in on this machine: press a button there`],
      ['sign in', `${approver.email}, password ${approver.password}`],
      ['terminal', `${terminal} login --url ${publicUrl}`],
      ['', `${terminal} approvals show ${id}`],
      ['', `${terminal} approvals approve ${id} --reason "The parcel is lost, says the carrier."`],
    ]);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function summary(stage: Stage, run: AgentRun, token: string, failed: readonly string[]): object {
  const { url, issuer, dataDirectory, policiesDirectory, databaseUrl, clientId, clientSecret } = stage;
  return {
    ...{ url, issuer, data: dataDirectory, policies: policiesDirectory, database: databaseUrl },
    agent: { clientId, clientSecret, token },
    session: run.calls[0]?.intent?.session,
    invocations: run.calls.map(({ tool, intent, refused }) => ({ tool, id: (intent ?? refused)?.invocation })),
    ok: failed.length === 0,
    failed,
  };
}

/** How to start another command of this program from the same place. */
function programName(): string {
  return process.argv[1]?.endsWith('.ts') === true ? 'npm run -s sallyport --' : 'npx sallyport';
}
