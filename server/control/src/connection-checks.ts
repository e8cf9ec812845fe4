import { isConnectorError } from '@sampan/connector';
import type { End } from '@sampan/hosts/messages';
import { eq } from 'drizzle-orm';
import { requireRole } from './access.ts';
import type { Actor, ConnectorEntry, Control } from './context.ts';
import { type DataSource, getDataSource, secretIssues, usableConnector } from './data-sources.ts';
import { invalid, issue } from './errors.ts';
import { type Options, unseal, valueAt, withSecrets } from './secrets.ts';
import { type ConnectionCheck, dataSources } from './tables/data-sources.ts';

export interface TestConnection {
  dataSourceId?: string | null | undefined;
  workspaceId?: string | null | undefined;
  connector?: string | null | undefined;
  options?: Options | null | undefined;
  secrets?: Options | null | undefined;
}

/**
 * Tests a saved data source, one with changes not saved yet, or options alone. Stored secrets are used only where every
 * option that says where the connection goes is unchanged: nobody sends a password they may not see to a server of theirs.
 * @throws ValidationError, NotFoundError, ForbiddenError; a refused connection is a check that is not ok
 */
export async function testConnection(control: Control, actor: Actor, input: TestConnection): Promise<ConnectionCheck> {
  const saved = input.dataSourceId ? await getDataSource(control, actor, input.dataSourceId) : null;
  const workspaceId = saved?.workspaceId ?? input.workspaceId;
  const connectorName = saved?.connector ?? input.connector;
  if (!connectorName || !workspaceId) {
    throw invalid([issue(['connector'], 'REQUIRED', 'Name a connector with its options, or a saved data source.')]);
  }
  await requireRole(control, actor, workspaceId, 'DEVELOPER');
  const connector = usableConnector(control, connectorName);
  const options = input.options ?? saved?.options ?? {};
  const given = input.secrets ?? {};
  const issues = secretIssues(connector, options, given);
  if (issues.length > 0) throw invalid(issues);
  const secrets = { ...storedSecrets(control, connector, saved, options), ...given };
  const check = await runCheck(control, {
    workspace: workspaceId,
    connector: connector.name,
    module: connector.module,
    options: withSecrets(options, secrets),
  });
  if (saved !== null && !input.options && !input.secrets) {
    await control.db.update(dataSources).set({ lastCheck: check }).where(eq(dataSources.id, saved.id));
  }
  return check;
}

function storedSecrets(
  control: Control,
  connector: ConnectorEntry,
  saved: DataSource | null,
  options: Options,
): Options {
  if (saved === null || saved.sealed === null) return {};
  const moved = connector.endpoint.some(
    (path) => JSON.stringify(valueAt(options, path)) !== JSON.stringify(valueAt(saved.options, path)),
  );
  return moved ? {} : unseal(control.keys, saved.id, saved.sealed);
}

async function runCheck(control: Control, end: End): Promise<ConnectionCheck> {
  const at = new Date().toISOString();
  try {
    const steps = await control.hosts.ask('check', { end });
    return { ok: steps.length > 0 && steps.every((step) => step.ok), at, steps };
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    if (error.kind === 'config') throw invalid([issue(['options'], error.code, error.message, error.hint)]);
    return {
      ok: false,
      at,
      steps: [{ step: 'tcp', ok: false, millis: null, message: error.message, hint: error.hint }],
    };
  }
}
