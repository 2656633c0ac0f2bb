// How the types are used: a call whose query, body and answer belong to its operation. Checked in CI, never run.
import type { Match, Operations } from './longitudinal';

type Answer<Name extends keyof Operations> = Operations[Name]['answer'];

export async function ask<Name extends 'POST /points/resolve'>(
  server: string, body: Operations[Name]['body'], init: RequestInit = {},
): Promise<Answer<Name>> {
  const answer = await fetch(`${server}/imaging/points/resolve`, { ...init, method: 'POST', body: JSON.stringify(body) });
  return await answer.json() as Answer<Name>;
}

/** "Not measured" is null, never 0: the compiler insists that it is looked at. */
export function shown(match: Match): string {
  const error = match.uncertaintyMm === null ? 'not measured' : `${match.uncertaintyMm.toFixed(1)} mm`;
  return `${match.studyDate} ${match.grade} (${error})`;
}
