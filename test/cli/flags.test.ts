/** Goal: flags give typed values or one clear sentence, whatever is typed; the help tells every flag, unit and default. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandHelp, type Flag, parseFlags } from '../../runtime/cli/flags.ts';
import { flagWords, HUB_FLAGS, overlayEnvironment } from '../../runtime/cli/hub-flags.ts';

const FLAGS = [
  { kind: 'text', name: 'network', value: 'NAME', default: 'global', charsMax: 8, describe: 'Network' },
  { kind: 'integer', name: 'count', short: 'n', value: 'N', default: 1, min: 0, max: 9, describe: 'How many' },
  { kind: 'list', name: 'hub', value: 'URL', itemsMax: 3, describe: 'Hubs' },
  { kind: 'switch', name: 'once', describe: 'Once' },
  { kind: 'text', name: 'rtc', value: 'R', choices: ['a', 'b'], describe: 'Choice' },
] as const satisfies readonly Flag[];

const problemOf = (...args: string[]): string => {
  const read = parseFlags(FLAGS, args);
  return read.ok ? 'no problem' : read.problem;
};

describe('flags', () => {
  it('fills in defaults and reads every form', () => {
    expect(parseFlags(FLAGS, [])).toEqual({
      ok: true,
      value: { network: 'global', count: 1, hub: undefined, once: undefined, rtc: undefined },
    });
    expect(
      parseFlags(FLAGS, ['--network=x', '-n', '3', '--hub', 'a, b', '--hub', 'c', '--once', '--rtc', 'b']),
    ).toEqual({ ok: true, value: { network: 'x', count: 3, hub: ['a', 'b', 'c'], once: true, rtc: 'b' } });
    expect(parseFlags(FLAGS, ['--once=false'])).toMatchObject({ ok: true, value: { once: false } });
  });

  it.each([
    [['--nope'], 'Unknown flag --nope'],
    [['--netwrk', 'x'], 'Unknown flag --netwrk (did you mean --network?)'],
    [['extra'], 'Unexpected argument "extra"'],
    [['--count'], '--count needs a value (N)'],
    [['--network', '--once'], '--network needs a value (NAME)'],
    [['--count', '10'], '--count must be a whole number from 0 to 9, not "10"'],
    [['--count', '-1'], '--count must be a whole number from 0 to 9, not "-1"'],
    [['--count', '1.5'], '--count must be a whole number from 0 to 9, not "1.5"'],
    [['--count', '0x1'], '--count must be a whole number from 0 to 9, not "0x1"'],
    [['--count', '1', '--count', '2'], '--count was given twice'],
    [['--network', 'waytoolong'], '--network must have 1 to 8 characters'],
    [['--network='], '--network must have 1 to 8 characters'],
    [['--hub', 'a,b,c,d'], '--hub takes at most 3 values'],
    [['--hub', ','], '--hub needs a value (URL)'],
    [['--once=maybe'], '--once takes no value, or =true or =false'],
    [['--rtc', 'c'], '--rtc must be one of a, b, not "c"'],
  ])('%j: %s', (args, problem) => {
    expect(problemOf(...args)).toBe(problem);
  });

  it('never throws and always answers in one line', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.string(),
            fc.string().map((text) => `--${text}`),
          ),
        ),
        (args) => {
          const read = parseFlags(FLAGS, args);
          if (!read.ok) expect(read.problem).not.toMatch(/[\r\n]/);
        },
      ),
    );
  });

  it('tells each flag of the hub with its bounds, variable and default', () => {
    const help = commandHelp('xstate-mesh', { name: 'hub', summary: 'A hub', flags: HUB_FLAGS });
    for (const flag of HUB_FLAGS) {
      expect(help).toMatch(new RegExp(`--${flag.name}\\b.*env ${flag.env}; default \\S`));
    }
    expect(help).toContain('0 to 65535; env PORT; default 3000');
  });

  it('lays flags over the environment and leaves the rest of it alone', () => {
    const read = parseFlags(HUB_FLAGS, ['--port', '0', '--require-proof=false', '--bootstrap-hubs', 'ws://a,ws://b']);
    if (!read.ok) throw new Error(read.problem);
    const env = { PORT: '3000', HOST: '::1', REQUIRE_PROOF: 'true' };
    expect(overlayEnvironment(HUB_FLAGS, read.value, env)).toEqual({
      PORT: '0',
      HOST: '::1',
      REQUIRE_PROOF: 'false',
      BOOTSTRAP_HUBS: 'ws://a,ws://b',
    });
  });

  it.each([
    ['publicUrl must be a ws:// URL.', '--public-url (PUBLIC_URL) must be a ws:// URL.'],
    ['port must be a whole number.', '--port (PORT) must be a whole number.'],
    ['tlsCert and tlsKey go together.', '--tls-cert (TLS_CERT) and --tls-key (TLS_KEY) go together.'],
    ['publicUrl must be so, not "authToken".', '--public-url (PUBLIC_URL) must be so, not "authToken".'],
    ['The port and its host are no options here.', 'The port and its host are no options here.'],
  ])('%j is said of flags', (said, inWords) => {
    expect(flagWords(said)).toBe(inWords);
  });
});
