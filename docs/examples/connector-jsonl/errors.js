/** An error of this connector: the server knows it by its name and looks at kind, code and hint. */
export function refuse(kind, code, message, hint) {
  return Object.assign(new Error(message), {
    name: 'ConnectorError',
    kind,
    code,
    hint,
    retryAfterMs: null,
    side: null,
  });
}

/** What cannot be obeyed is refused: a filter that is passed over would copy rows that nobody wanted. */
export function refuseWishes(wishes) {
  for (const [name, value] of Object.entries(wishes))
    if (value !== null && (!Array.isArray(value) || value.length > 0))
      throw refuse('config', 'OPTION_UNAVAILABLE', `"${name}" is not available here.`, 'Leave it out.');
}

export const missing = (object) =>
  refuse(
    'missing',
    'FILE_NOT_FOUND',
    `There is no ${object}.jsonl in the folder.`,
    'Check the name, or have it created.',
  );

export const stopped = () => refuse('busy', 'ABORTED', 'The work was stopped.', 'Nothing is to be done.');

export const fenced = () =>
  refuse('busy', 'FENCED', 'A later attempt has taken over, or the run has ended.', 'Nothing is to be done.');

/** Answers false where the file, or folder, is not there. */
export async function there(work) {
  try {
    await work;
    return true;
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}
