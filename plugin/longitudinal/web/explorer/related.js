// @ts-check
/** What objects name and whether it is here, on the pages of Orthanc Explorer. Text is always text. */

import { element } from '../shared/dom.js';
import { hasRelations, partGroups, problemGroups, problemsLeft, problemsLine } from '../shared/relations.js';
import { counted, word } from '../shared/words.js';

const MOST_LINES = 5; // of each kind: the rest is in the answer itself

/**
 * @param {HTMLElement} box to fill
 * @param {any} relations as GET .../relations answers
 * @param {string} address of the whole answer
 * @param {ReadonlySet<string>} [own] the series of the study, where the page is of a study
 */
export function showRelated(box, relations, address, own) {
  if (!hasRelations(relations)) {
    box.replaceChildren();
    return;
  }
  const parts = partGroups(relations.groups, own);
  box.replaceChildren(
    element('h3', {}, word('rt.patient')),
    ...linesOfProblems(relations),
    ...(parts.length > 0 ? [element('h4', {}, word('rt.parts')), tableOf(parts)] : []),
    element('p', { className: 'aside' }, element('a', { href: address, target: '_blank', rel: 'external noopener' }, word('relation.all'))),
  );
}

/** @param {any} relations @returns {HTMLElement[]} */
function linesOfProblems(relations) {
  const { problems } = relations;
  if (problems.length === 0) {
    return [element('p', {}, word('rt.noProblems'))];
  }
  const left = problemsLeft(relations);
  return [
    element('p', { className: 'wanting' }, problemsLine(relations)),
    ...problemGroups(problems, MOST_LINES).map(({ status, title, lines, more }) => {
      const list = element('ul', {}, ...lines.map((line) => element('li', {}, line)),
        ...(more > 0 ? [element('li', { className: 'quiet' }, word('rt.moreProblems', { count: more.toLocaleString('en') }))] : []));
      const group = element('div', { className: 'broken' }, element('h4', {}, title), list);
      group.dataset.status = status;
      return group;
    }),
    ...(left > 0 ? [element('p', {}, word('relation.left', { count: left.toLocaleString('en') }))] : []),
  ];
}

/** @param {import('../shared/relations.js').PartGroup[]} parts */
function tableOf(parts) {
  return element('table', {}, ...parts.map(({ name, title, series, evidence }) => {
    const row = element('tr', {}, element('td', {}, title), element('td', {}, counted('rt.series', series)),
      element('td', {}, element('small', {}, evidence.join('; '))));
    row.dataset.part = name;
    return row;
  }));
}
