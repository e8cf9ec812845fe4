import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { tableFiles } from '@sampan/maxcompute-emulator';
import { createClient } from '@sampan/sdk';
import { parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareTables } from '../../../tools/src/verify.ts';
import { EXAMPLES } from '../src/examples.ts';
import {
  type Any,
  COLUMNS,
  createDataSource,
  createTask,
  ERROR,
  ended,
  instance,
  openWorld,
  runTask,
  taskInput,
  until,
  type World,
} from './world.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld(5_000);
});
afterAll(() => world?.close());

const compare = async (table: string) => {
  const { host, port, user, password, client } = world.mysql;
  return compareTables(
    { host, port, user, password, client, database: 'shop' },
    'orders',
    tableFiles(`${world.data}/maxcompute`, 'demo', table).flatMap((one) => one.files),
  );
};

describe('access', () => {
  it('is for nobody without a token, and tells nothing', async () => {
    const stranger = createClient({ url: world.server.url, token: 'wrong' });
    await expect(stranger.request('{ connectors { name } }')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(
      stranger.request('query ($id: ID!) { node(id: $id) { id } }', { id: world.source }),
    ).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await stranger.request('{ viewer { user { name } } }')).toEqual({ viewer: null });
    await expect(
      stranger.subscribe('subscription { instancesChanged { cursor } }')[Symbol.asyncIterator]().next(),
    ).rejects.toBeDefined();
    await stranger.close();
  });

  it('has its token in a file that only its owner reads', () => {
    expect(statSync(world.server.tokenFile).mode & 0o777).toBe(0o600);
  });

  it('keeps secrets out of every answer and of the database', async () => {
    const { node } = await world.client.request<Any>(
      'query ($id: ID!) { node(id: $id) { ... on DataSource { options secretNames connector { configSchema } } } }',
      { id: world.source },
    );
    expect(node.secretNames).toEqual(['password']);
    expect(JSON.stringify(node)).not.toContain(world.mysql.password);
    const listed = execFileSync('ps', ['-eo', 'args', 'e'], { encoding: 'utf8' });
    expect(
      listed.split('\n').filter((line) => line.includes(world.mysql.password) && line.includes('child.js')),
    ).toEqual([]);
  });
});

describe('connectors', () => {
  it('built in and from the plugin folder are listed alike', async () => {
    const { connectors } = await world.client.request<Any>('{ connectors { name roles writeModes broken } }');
    expect(connectors.map((one: Any) => [one.name, one.broken]).sort()).toEqual([
      ['jsonl', null],
      ['maxcompute', null],
      ['mysql', null],
    ]);
  });

  it('a sample third-party connector is copied into and out of', async () => {
    const folder = `${world.data}/lines`;
    execFileSync('mkdir', ['-p', '-m', '777', folder]);
    const lines = await createDataSource(world.client, { connector: 'jsonl', name: 'lines', options: { folder } });
    const task = taskInput(world, 'to_lines', {
      target: { dataSourceId: lines.dataSource.id, object: 'orders', create: true },
      mapping: [
        { target: 'id', column: 'id' },
        { target: 'customer', column: 'customer' },
      ],
    });
    const made = await createTask(world, task);
    expect(await ended(world, await runTask(world, made.task.id))).toMatchObject({
      state: 'SUCCEEDED',
      progress: { rowsWritten: '5000' },
    });
    expect(readFileSync(`${folder}/orders.jsonl`, 'utf8').split('\n').length).toBe(5_001);
    // It has no filter, and says so instead of copying what nobody wanted.
    const source = { dataSourceId: lines.dataSource.id, objects: ['orders'] };
    const filtered = { source: { ...source, where: 'id < 3' }, mapping: [{ target: 'id', column: 'id' }] };
    const refused = await createTask(world, taskInput(world, 'from_lines', filtered));
    expect(await ended(world, await runTask(world, refused.task.id))).toMatchObject({
      state: 'FAILED',
      failure: { code: 'OPTION_UNAVAILABLE', kind: 'CONFIG' },
    });
  });
});

describe('the main job', () => {
  it('runs every example of the playground', async () => {
    const names = parse(EXAMPLES).definitions.map((one) => (one.kind === 'OperationDefinition' ? one.name!.value : ''));
    const operation = (name: string) =>
      EXAMPLES.slice(EXAMPLES.search(new RegExp(`^(query|mutation|subscription) ${name}\\b`, 'm'))).split('\n\n')[0];
    const ran = new Set<string>();
    const ask = (name: string, variables: object = {}) => {
      ran.add(name);
      return world.client.request<Any>(operation(name), variables as never);
    };
    await ask('Connectors');
    const options = { host: world.mysql.host, port: world.mysql.port, user: world.mysql.user, database: 'shop' };
    const { createDataSource: made } = await ask('CreateDataSource', {
      input: { connector: 'mysql', name: 'example', options, secrets: { password: world.mysql.password } },
    });
    const { testConnection } = await ask('TestConnection', { id: made.dataSource.id });
    expect(testConnection.check).toMatchObject({ ok: true });
    const { node } = await ask('Objects', { id: made.dataSource.id });
    expect(node.objects.nodes.map((one: Any) => one.name)).toContain('orders');
    const { createFolder } = await ask('CreateFolder', { name: 'examples' });
    const task = { ...taskInput(world, 'example'), folderId: createFolder.folder.id };
    const { suggestMapping } = await ask('SuggestMapping', {
      input: { source: task.source, target: task.target, rule: 'SAME_NAME' },
    });
    expect(suggestMapping.links.map((one: Any) => one.column)).toEqual(COLUMNS);
    const { checkTask } = await ask('CheckTask', { input: task });
    expect(checkTask).toMatchObject({ ok: true, problems: [], publish: { way: 'SESSION' } });
    expect(checkTask.ddl).toContain('CREATE TABLE IF NOT EXISTS `example`');
    const { createTask: created } = await ask('CreateTask', { task });
    const { onlineTasks } = await ask('OnlineTasks', { ids: [created.task.id] });
    const first = onlineTasks.outcomes[0].task.lastInstance.id;
    expect(await ended(world, first)).toMatchObject({ state: 'SUCCEEDED' });
    const { runTask: again } = await ask('RunTask', { id: created.task.id });
    ran.add('InstanceChanged');
    const seen: Any[] = [];
    for await (const { instanceChanged } of world.client.subscribe<Any>(operation('InstanceChanged'), {
      id: again.instance.id,
    })) {
      seen.push(instanceChanged);
      if (instanceChanged.instance.state === 'SUCCEEDED') break;
    }
    const cursors = seen.filter((one) => one.cursor !== null).map((one) => Number(one.cursor));
    expect(cursors).toEqual([...cursors].sort((a, b) => a - b));
    expect(seen.at(-1).transition).toMatchObject({ from: 'RUNNING', to: 'SUCCEEDED' });
    expect((await ask('Instances')).instances.nodes.length).toBeGreaterThan(1);
    expect([...ran].sort()).toEqual([...names].sort());
    expect((await compare('example')).mismatches).toBe(0);
  }, 90_000);

  it('adds rows with APPEND and replaces them with OVERWRITE', async () => {
    const append = (
      await createTask(world, taskInput(world, 'appended', { target: { object: 'appended', writeMode: 'APPEND' } }))
    ).task.id;
    for (let time = 0; time < 2; time++)
      expect(await ended(world, await runTask(world, append))).toMatchObject({ state: 'SUCCEEDED' });
    expect(await compare('appended')).toMatchObject({ rows: 5_000, mismatches: 5_000 });
    const overwrite = (await createTask(world, taskInput(world, 'replaced', { target: { object: 'appended' } }))).task
      .id;
    expect(await ended(world, await runTask(world, overwrite))).toMatchObject({
      state: 'SUCCEEDED',
      reconciliations: [{ ok: true, sourceRows: '5000', targetRows: '5000' }],
    });
    expect((await compare('appended')).mismatches).toBe(0);
  }, 90_000);

  it('copies MySQL to MySQL by transaction', async () => {
    const options = { host: world.mysql.host, port: world.mysql.port, user: world.mysql.user, database: 'shop' };
    const copy = await createDataSource(world.client, {
      connector: 'mysql',
      name: 'copy',
      options,
      secrets: { password: world.mysql.password },
    });
    const made = await createTask(
      world,
      taskInput(world, 'copied', { target: { dataSourceId: copy.dataSource.id, object: 'orders_copy' } }),
    );
    expect(await ended(world, await runTask(world, made.task.id))).toMatchObject({
      state: 'SUCCEEDED',
      publish: { way: 'TRANSACTION' },
    });
    const differing = 'SELECT COUNT(*) n FROM (SELECT * FROM orders EXCEPT SELECT * FROM orders_copy) d';
    const [[{ n }]] = (await world.sql.query(differing)) as Any;
    expect(Number(n)).toBe(0);

    // Publishing again waits for somebody who holds the old rows: it can be stopped there, and they stay.
    const other = await world.mysql.connect('shop');
    await other.query('START TRANSACTION');
    await other.query('SELECT * FROM orders_copy FOR UPDATE');
    const id = await runTask(world, made.task.id);
    await until('it publishes', async () => (await instance(world, id)).phase === 'COMMITTING');
    await world.client.request('mutation ($ids: [ID!]!) { stopInstances(input: { ids: $ids }) { __typename } }', {
      ids: [id],
    });
    const stopped = await ended(world, id);
    expect(stopped).toMatchObject({ state: 'CANCELLED' });
    expect(stopped.attempts.map((one: Any) => one.outcome)).toEqual(['stopped']);
    const decision = `mutation ($id: ID!) { resolveCommit(input: { id: $id, committed: false, reason: "I looked" }) { __typename ${ERROR} } }`;
    expect((await world.client.request<Any>(decision, { id })).resolveCommit).toMatchObject({
      __typename: 'ConflictError',
      message: 'The outcome of this instance is not in doubt.',
    });
    await other.query('ROLLBACK');
    await other.end();
    expect(Number(((await world.sql.query(differing)) as Any)[0][0].n)).toBe(0);
    const staged = async () => ((await world.sql.query("SHOW TABLES LIKE 'sampan\\_stg%'")) as Any)[0].length;
    await until('nothing is left of it', async () => (await staged()) === 0);
  }, 120_000);

  it('runs a table without rows to its end', async () => {
    await world.sql.query('CREATE TABLE IF NOT EXISTS empty_one LIKE orders');
    const made = await createTask(world, taskInput(world, 'empty', { source: { objects: ['empty_one'] } }));
    expect(await ended(world, await runTask(world, made.task.id))).toMatchObject({
      state: 'SUCCEEDED',
      progress: { rowsRead: '0' },
    });
  });

  it('keeps dirty rows with their reason, and fails at the first one by default', async () => {
    await world.sql.query("SET sql_mode = ''");
    await world.sql.query('CREATE TABLE zero (id INT PRIMARY KEY, day DATE NULL) ');
    await world.sql.query("INSERT INTO zero VALUES (1, '2026-01-01'), (2, '0000-00-00'), (3, NULL)");
    const mapping = [
      { target: 'id', column: 'id' },
      { target: 'day', column: 'day' },
    ];
    const strict = await createTask(world, taskInput(world, 'zero_strict', { source: { objects: ['zero'] }, mapping }));
    const failed = await ended(world, await runTask(world, strict.task.id));
    expect(failed).toMatchObject({ state: 'FAILED', failure: { kind: 'DATA', code: 'DIRTY_LIMIT' } });
    const lenient = await createTask(
      world,
      taskInput(world, 'zero_lenient', { source: { objects: ['zero'] }, mapping, options: { dirtyRows: '1' } }),
    );
    const done = await ended(world, await runTask(world, lenient.task.id));
    expect(done).toMatchObject({ state: 'SUCCEEDED', progress: { rowsRead: '3', rowsWritten: '2', rowsDirty: '1' } });
    expect(done.dirty.nodes).toEqual([
      { column: 'day', value: '0000-00-00', reason: 'not a date of the calendar', key: { id: '2' } },
    ]);
  });
});

describe('bad input', () => {
  const codes = (answer: Any) => (answer.issues ?? []).map((one: Any) => `${one.path.join('.')} ${one.code}`);

  it('options are refused by name', async () => {
    expect(
      codes(await createDataSource(world.client, { connector: 'mysql', name: 'a', options: { host: 'x', user: 'u' } })),
    ).toEqual(['options BAD_OPTION']);
    expect(codes(await createDataSource(world.client, { connector: 'oracle', name: 'a', options: {} }))).toEqual([
      'connector UNKNOWN_CONNECTOR',
    ]);
    expect(
      codes(
        await createDataSource(world.client, {
          connector: 'mysql',
          name: 'a',
          options: { host: 'x', user: 'u', database: 'd', password: 'p' },
        }),
      ),
    ).toEqual(['options.password SECRET_IN_OPTIONS']);
  });

  it('a name that is taken is a conflict', async () => {
    const options = { host: 'x', user: 'u', database: 'd' };
    expect(await createDataSource(world.client, { connector: 'mysql', name: 'shop', options })).toMatchObject({
      __typename: 'ConflictError',
      code: 'NAME_TAKEN',
    });
    const { createFolder } = await world.client.request<Any>(
      `mutation { createFolder(input: { name: "nightly" }) { ${ERROR} } }`,
    );
    expect(createFolder).toMatchObject({ __typename: 'ConflictError', code: 'NAME_TAKEN' });
    await createTask(world, taskInput(world, 'twice'));
    expect(await createTask(world, taskInput(world, 'twice'))).toMatchObject({
      __typename: 'ConflictError',
      code: 'NAME_TAKEN',
    });
  });

  const test = async (options: object, secrets: object) => {
    const { testConnection } = await world.client.request<Any>(
      `mutation ($input: TestConnectionInput!) { testConnection(input: $input) { ... on TestConnectionSuccess { check { ok steps { name ok message hint } } } ${ERROR} } }`,
      {
        input: {
          connector: 'mysql',
          options: {
            host: world.mysql.host,
            port: world.mysql.port,
            user: world.mysql.user,
            database: 'shop',
            ...options,
          },
          secrets,
        },
      },
    );
    return testConnection.check.steps.find((step: Any) => !step.ok);
  };

  it('a connection that fails says at which step', async () => {
    expect(await test({}, { password: 'wrong' })).toMatchObject({ name: 'login' });
    expect(await test({ host: 'no-such-host.invalid' }, {})).toMatchObject({ name: 'dns' });
    expect(await test({ port: 1 }, {})).toMatchObject({ name: 'tcp' });
    expect(await test({ database: 'nowhere' }, { password: world.mysql.password })).toMatchObject({ name: 'login' });
    expect(await test({ host: '169.254.169.254' }, {})).toMatchObject({
      name: 'dns',
      message: expect.stringContaining('may not reach'),
    });
  });

  it('a task is refused at the field that is wrong', async () => {
    expect(codes(await createTask(world, taskInput(world, 'b1', { source: { objects: ['nowhere'] } })))).toEqual([
      'source.objects TABLE_NOT_FOUND',
    ]);
    expect(
      codes(await createTask(world, taskInput(world, 'b2', { mapping: [{ target: 'a', column: 'gone' }] }))),
    ).toEqual(['mapping.0.column NO_SUCH_COLUMN']);
    expect(
      codes(
        await createTask(
          world,
          taskInput(world, 'b3', {
            mapping: [
              { target: 'a', column: 'id' },
              { target: 'A', column: 'id' },
            ],
          }),
        ),
      ),
    ).toEqual(['mapping.1.target TWICE']);
    const upsert = { dataSourceId: world.source, writeMode: 'UPSERT' };
    expect(codes(await createTask(world, taskInput(world, 'b4', { target: upsert })))).toEqual([
      'target.object MODE_UNSUPPORTED',
    ]);
    expect(
      codes(await createTask(world, taskInput(world, 'b5', { source: { where: "day = '${yyyyMMdd}'" } }))),
    ).toEqual(['source.where EXPRESSIONS_UNAVAILABLE']);
    expect(
      codes(
        await createTask(
          world,
          taskInput(world, 'b6', { schedule: { type: 'PERIODIC', timeZone: 'Asia/Shanghai', period: 'DAY' } }),
        ),
      ),
    ).toEqual(['schedule.at REQUIRED']);
    const made = await createTask(world, taskInput(world, 'typed', { mapping: [{ target: 'id', column: 'created' }] }));
    expect(await ended(world, await runTask(world, made.task.id))).toMatchObject({ state: 'SUCCEEDED' });
    expect(
      codes(
        await createTask(
          world,
          taskInput(world, 'b7', {
            target: { object: 'typed', create: false },
            mapping: [{ target: 'id', column: 'token' }],
          }),
        ),
      ),
    ).toEqual(['mapping.0 IMPOSSIBLE']);
    const wrong = {
      source: { splitKey: 'gone' },
      target: { options: { lifecycle: 'long' } },
      options: { bytesPerSecond: '0' },
    };
    expect(codes(await createTask(world, taskInput(world, 'b9', wrong)))).toEqual([
      'options.bytesPerSecond OUT_OF_RANGE',
      'source.splitKey NO_SUCH_COLUMN',
    ]);
    expect(codes(await createTask(world, taskInput(world, 'b10', { target: wrong.target })))).toEqual([
      'target.object BAD_OPTION',
    ]);
    expect(
      codes(await createTask(world, taskInput(world, 'b8', { target: { object: 'never_made', create: false } }))),
    ).toEqual(['target.object TABLE_NOT_FOUND']);
  });

  it('a user without the privilege is told which', async () => {
    await world.sql.query(
      "CREATE TABLE IF NOT EXISTS other (id INT); CREATE USER IF NOT EXISTS 'poor'@'%' IDENTIFIED BY 'poor'; GRANT SELECT ON shop.other TO 'poor'@'%'",
    );
    const options = { host: world.mysql.host, port: world.mysql.port, user: 'poor', database: 'shop' };
    const poor = await createDataSource(world.client, {
      connector: 'mysql',
      name: 'poor',
      options,
      secrets: { password: 'poor' },
    });
    expect(
      codes(await createTask(world, taskInput(world, 'b9', { source: { dataSourceId: poor.dataSource.id } }))),
    ).toEqual(['source.objects TABLE_NOT_FOUND']);
  });

  it('ids of nothing find nothing', async () => {
    expect(await world.client.request<Any>('{ node(id: "nonsense") { id } nodes(ids: ["x", "y"]) { id } }')).toEqual({
      node: null,
      nodes: [null, null],
    });
    await expect(world.client.request('{ instances(after: "zzz") { totalCount } }')).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });

  it('a request id acts once', async () => {
    const make = (name: string) =>
      world.client.request<Any>(
        `mutation ($name: String!) { createFolder(input: { name: $name, requestId: "r1" }) { ... on CreateFolderSuccess { folder { id } } ${ERROR} } }`,
        { name },
      );
    const first = await make('once');
    expect((await make('once')).createFolder.folder.id).toBe(first.createFolder.folder.id);
    expect((await make('other')).createFolder).toMatchObject({
      __typename: 'ConflictError',
      code: 'REQUEST_ID_REUSED',
    });
  });
});

describe('tasks', () => {
  it('change by revision, and each change of the definition is a version', async () => {
    const { task } = await createTask(world, taskInput(world, 'changing'));
    const update = (expectedRevision: number, changed: Any) =>
      world.client.request<Any>(
        `mutation ($input: UpdateTaskInput!) { updateTask(input: $input) { ... on UpdateTaskSuccess { task { revision version } } ${ERROR} } }`,
        { input: { id: task.id, expectedRevision, task: changed } },
      );
    expect((await update(1, { ...taskInput(world, 'changing'), description: 'new words' })).updateTask.task).toEqual({
      revision: 2,
      version: 1,
    });
    expect((await update(2, taskInput(world, 'changing', { source: { where: 'id > 0' } }))).updateTask.task).toEqual({
      revision: 3,
      version: 2,
    });
    expect((await update(1, taskInput(world, 'changing'))).updateTask).toMatchObject({
      __typename: 'ConflictError',
      code: 'STALE_REVISION',
    });
  });

  it('are deleted by a token that names them, never while online', async () => {
    const schedule = { type: 'PERIODIC', timeZone: 'UTC', period: 'HOUR', every: 1 };
    const { task } = await createTask(world, taskInput(world, 'leaving', { schedule }));
    const online = (verb: string) =>
      world.client.request<Any>(
        `mutation ($ids: [ID!]!) { ${verb}(input: { ids: $ids }) { ... on ${verb === 'onlineTasks' ? 'OnlineTasksSuccess' : 'OfflineTasksSuccess'} { outcomes { task { state nextRuns(first: 2) { scheduledAt } } error { code } } } } }`,
        { ids: [task.id] },
      );
    expect((await online('onlineTasks')).onlineTasks.outcomes[0].task.state).toBe('ONLINE');
    const { taskDeletion } = await world.client.request<Any>(
      'query ($ids: [ID!]!) { taskDeletion(ids: $ids) { token tasks online { id } } }',
      { ids: [task.id] },
    );
    expect(taskDeletion.online).toEqual([{ id: task.id }]);
    const remove = (confirmToken: string) =>
      world.client.request<Any>(
        'mutation ($input: DeleteTasksInput!) { deleteTasks(input: $input) { ... on DeleteTasksSuccess { outcomes { task { deletedAt } error { code } } } } }',
        { input: { ids: [task.id], confirmToken } },
      );
    expect((await remove(taskDeletion.token)).deleteTasks.outcomes[0].error.code).toBe('TASK_ONLINE');
    expect((await online('offlineTasks')).offlineTasks.outcomes[0].task.state).toBe('OFFLINE');
    expect((await remove('nonsense')).deleteTasks.outcomes[0].error.code).toBe('STALE_CONFIRMATION');
    expect((await remove(taskDeletion.token)).deleteTasks.outcomes[0].task.deletedAt).not.toBeNull();
  });

  it('run by the minute once online', async () => {
    const { task } = await createTask(
      world,
      taskInput(world, 'periodic', {
        schedule: { type: 'PERIODIC', timeZone: 'UTC', period: 'MINUTE', every: 1, runOnOnline: true },
      }),
    );
    await world.client.request('mutation ($ids: [ID!]!) { onlineTasks(input: { ids: $ids }) { __typename } }', {
      ids: [task.id],
    });
    const listed = async () =>
      (
        await world.client.request<Any>(
          'query ($ids: [ID!]) { instances(filter: { taskIds: $ids }) { nodes { state trigger scheduledAt } } }',
          { ids: [task.id] },
        )
      ).instances.nodes;
    const deadline = Date.now() + 75_000;
    while (
      (await listed()).filter((one: Any) => one.trigger === 'SCHEDULE' && one.state === 'SUCCEEDED').length < 1 &&
      Date.now() < deadline
    )
      await new Promise((resolve) => setTimeout(resolve, 500));
    const nodes = await listed();
    expect(nodes.map((one: Any) => one.trigger)).toContain('ONLINE');
    const [scheduled] = nodes.filter((one: Any) => one.trigger === 'SCHEDULE');
    expect(scheduled.scheduledAt).toMatch(/:00\.000Z$/);
    expect(scheduled.state).toBe('SUCCEEDED');
  }, 90_000);
});
