import { ConnectorError } from '@sampan/connector';
import { describe, expect, it } from 'vitest';
import { config } from '../src/config.ts';
import { asConnectorError } from '../src/errors.ts';
import { sessionStatements } from '../src/session.ts';

const good = { host: 'db.example', user: 'reader', password: 'p4ss-w0rd', database: 'shop' };

const refusal = (options: unknown): ConnectorError => {
  try {
    config.parse(options as never);
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectorError);
    return error as ConnectorError;
  }
  throw new Error('taken');
};

describe('options', () => {
  it.each([
    [{ ...good, host: undefined }, 'host'],
    [{ ...good, socketPath: '/s' }, 'host'],
    [{ ...good, port: 0 }, 'port'],
    [{ ...good, port: '3306' }, 'port'],
    [{ ...good, databse: 'x' }, 'databse'],
    [{ ...good, ssl: { mode: 'ON' } }, 'ssl.mode'],
    [{ ...good, ssl: { certificate: 'x' } }, 'ssl.certificate'],
    [{ ...good, ssl: { cert: 'x' } }, 'ssl.key'],
    [{ ...good, ssl: { key: 'x' } }, 'ssl.cert'],
    [{ ...good, charset: 'latin1' }, 'charset'],
    [{ ...good, sessionVariables: { 'a; DROP TABLE t': 1 } }, 'sessionVariables'],
    [{ ...good, sessionVariables: { Sql_Mode: '' } }, 'sessionVariables.Sql_Mode'],
    [[], 'options'],
    [null, 'options'],
  ])('%j is refused, naming %s and repeating no value', (options, named) => {
    const { kind, message } = refusal(options);
    expect(kind).toBe('config');
    expect(message).toContain(named);
    expect(message).not.toContain(good.password);
  });

  it('values of session variables cannot leave their literal', () => {
    const options = config.parse({ ...good, sessionVariables: { group_concat_max_len: 9, init: "a', sql_mode = '" } });
    const [last] = sessionStatements(options).slice(-1);
    expect(last).toMatch(/^SET SESSION group_concat_max_len = 9, init = [^']*('[^']*')?[^']*$/);
  });
});

describe('errors', () => {
  const server = (errno: number, sqlMessage = 'text of the server') =>
    asConnectorError(Object.assign(new Error(sqlMessage), { errno, sqlMessage }), 'reading t');

  it.each([
    [1045, 'auth', 'LOGIN_REFUSED'],
    [1146, 'missing', 'TABLE_NOT_FOUND'],
    [1213, 'busy', 'DEADLOCK'],
    [1064, 'config', 'SQL_SYNTAX'],
    [1193, 'config', 'BAD_SESSION_VARIABLE'],
    [4031, 'busy', 'CONNECTION_LOST'],
    [1690, 'data', 'MYSQL_1690'],
  ])('%i is %s, %s', (errno, kind, code) => {
    expect(server(errno)).toMatchObject({ kind, code });
    expect(server(errno).hint).not.toBe('');
  });

  it.each(['ECONNRESET', 'EPIPE', 'ERR_STREAM_DESTROYED', 'PROTOCOL_CONNECTION_LOST'])(
    '%s is worth a new try',
    (code) => {
      const error = asConnectorError(Object.assign(new Error('x'), { code }), 'reading t');
      expect(error).toMatchObject({ kind: 'busy', code: 'CONNECTION_LOST' });
    },
  );

  it('what a server says is one line of bounded length', () => {
    const { message } = server(1690, `a\nb\u001b[31m${'x'.repeat(100_000)}`);
    expect([...message].every((one) => one >= ' ')).toBe(true);
    expect(message.length).toBeLessThan(1_100);
  });
});
