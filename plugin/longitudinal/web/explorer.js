/**
 * What orthanc-longitudinal knows, on the patient and study pages of Orthanc Explorer.
 *
 * Addresses are relative to app/explorer.html, so that they hold behind a reverse proxy under any path.
 * What comes from the server goes into text nodes and properties, never into HTML.
 *
 * @param {string} root where the plugin's routes live, such as "/imaging"
 * @param {boolean} isRestricted whether the archive restricts who may see what
 */
function longitudinalExplorer(root, isRestricted) {
  'use strict';

  const POLL_MS = 1000;        // while a study is being worked on
  const SLOW_POLL_MS = 5000;   // while one of a patient's studies is, or the index does not answer
  const MAX_FRAMES = 4;        // identifiers written out on a study's page
  const NO_ANSWER = 0;

  const LISTS = { patient: '#list-studies', study: '#list-series' };
  const TELLERS = { patient: tellPatient, study: tellStudy };
  const STYLE = `
    .longitudinal { margin: 0 0 1.5em; padding: .8em 1em; text-shadow: none; font-size: .9em; }
    .longitudinal h3 { margin: 0 0 .6em; font-size: 1.05em; }
    .longitudinal p { margin: .4em 0; overflow-wrap: anywhere; }
    .longitudinal table { width: 100%; border-collapse: collapse; }
    .longitudinal th, .longitudinal td { padding: .35em .8em .35em 0; text-align: left; vertical-align: top; }
    .longitudinal th { font-size: .85em; color: #555; border-bottom: 1px solid #bbb; }
    .longitudinal td { border-bottom: 1px solid #ddd; }
    .longitudinal td:nth-child(1) { overflow-wrap: anywhere; }
    .longitudinal td:nth-child(2) { white-space: nowrap; }
    .longitudinal td small, .longitudinal .aside { color: #555; }
    .longitudinal small[title] { border-bottom: 1px dotted; cursor: help; }
    .longitudinal .ui-btn { margin-left: 0; margin-right: .6em; }
    .longitudinal progress { width: 12em; vertical-align: middle; }
    .longitudinal .frame { display: inline-block; padding: 0 .45em; margin: 0 .3em .2em 0; border: 1px solid #888;
      border-radius: .6em; background: #fff; white-space: nowrap; }
    .longitudinal .wanting { font-weight: bold; color: #8a4b00; }
    .longitudinal .wrong { font-weight: bold; color: #a00000; }
    .longitudinal .related { margin-top: 1em; }
    .longitudinal .related:empty { display: none; }
    .longitudinal h4 { margin: .7em 0 .2em; font-size: .95em; }
    .longitudinal .related td:nth-child(1) { white-space: nowrap; }
    .longitudinal .related td:nth-child(3) { width: 100%; overflow-wrap: anywhere; }
    .longitudinal .related ul { margin: .2em 0; padding-left: 1.4em; }
    .longitudinal .related li { overflow-wrap: anywhere; margin: .15em 0; }
    .longitudinal .aside { margin-top: .8em; font-size: .85em; }
  `;

  /** The visit of a page: its panel is filled until the visitor leaves. */
  let visit = null;

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function counted(count, one, many) {
    return `${count} ${count === 1 ? one : many || `${one}s`}`;
  }

  // Talking to the plugin

  /** The client that the timeline page has, too; asked for again when it could not be had. */
  let client = null;
  let attempts = 0;

  function api() {
    client ??= import(new URL(`..${root}/app/shared/api.js${attempts ? `?${attempts}` : ''}`, document.baseURI).href).then(
      ({ Api }) => new Api({ prefix: new URL('..', document.baseURI).pathname.slice(0, -1), root }),
      () => {
        client = null;
        attempts += 1;   // browsers remember a module that could not be had
        throw Object.assign(new Error('The index does not answer.'), { status: NO_ANSWER });
      },
    );
    return client;
  }

  let related = null;

  /** What fills the part about related objects; asked for again when it could not be had. */
  function relatedModule() {
    related ??= import(new URL(`..${root}/app/explorer/related.js`, document.baseURI).href).catch((error) => {
      related = null;
      throw error;
    });
    return related;
  }

  async function ask(path, signal, options = {}) {
    return (await api()).ask(path, { ...options, signal });
  }

  function mayPass(problem) {
    return problem.mayPass || problem.status === NO_ANSWER || problem.status === 404;
  }

  // Coming and going

  function enter(level) {
    leave();
    const uuid = ($.mobile.pageData || {}).uuid;
    const place = $(LISTS[level]).parent();
    if (!uuid || !place.length) {
      return;
    }
    const panel = makePanel();
    place.prepend(panel.box);
    visit = { level, uuid, panel };
    follow(visit);
  }

  function leave() {
    if (visit) {
      visit.stop();
      visit.panel.box.remove();
      visit = null;
    }
  }

  function makePanel() {
    const said = element('div', {}, element('p', {}, 'Asking the index…'));
    said.setAttribute('role', 'status');
    const actions = element('div');
    const docs = element('a', { href: `..${root}/docs`, target: '_blank', rel: 'external noopener' }, 'API');
    const relations = element('div', { className: 'related' });
    const box = element('div', { className: 'longitudinal ui-body ui-body-c ui-corner-all' },
      element('h3', {}, 'Index and alignment'), said, actions, relations,
      element('p', { className: 'aside' }, 'orthanc-longitudinal · ', docs, ' · Not for primary diagnosis'));
    return { box, said, actions, relations };
  }

  /** Tell, and tell again for as long as something may change and nobody has left. */
  async function follow(current) {
    const { signal } = restart(current);
    while (!signal.aborted) {
      let wait = null;
      try {
        wait = await TELLERS[current.level](current, signal);
        if (wait === null || !current.hasRelations) {
          current.hasRelations = true;
          tellRelations(current, signal);
        }
      } catch (problem) {
        if (signal.aborted) {
          return;
        }
        current.panel.said.replaceChildren(element('p', { className: 'wrong' }, lineOf(problem, current.level)));
        wait = mayPass(problem) ? SLOW_POLL_MS : null;
      }
      if (wait === null) {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  /** What the objects name and whether it is here: at first, and again when nothing moves any more. */
  async function tellRelations(current, signal) {
    const path = `/${current.level === 'study' ? 'studies' : 'patients'}/${current.uuid}/relations`;
    const { relations } = current.panel;
    try {
      const [{ showRelated }, answer] = await Promise.all([relatedModule(), ask(`${path}?limit=1`, signal)]);
      if (!signal.aborted) {
        const own = current.level === 'study' ? new Set(current.study.series.map((series) => series.seriesInstanceUid)) : undefined;
        showRelated(relations, answer, `..${root}${path}`, own);
      }
    } catch (problem) {
      if (!signal.aborted && problem.status !== 404) {
        relations.replaceChildren(element('p', { className: 'wrong' }, `What the objects name cannot be shown: ${problem.message}`));
      }
    }
  }

  function restart(current) {
    const controller = new AbortController();
    if (current.stop) {
      current.stop();
    }
    current.stop = () => controller.abort();
    return controller;
  }

  function lineOf(problem, level) {
    if (problem.code === 'ambiguous' && level === 'patient') {
      return 'These studies have no PatientID: each is a patient of its own, told of on its own page.';
    }
    if (problem.status === undefined) {
      return `This page failed: ${problem.message}`;
    }
    if (problem.status === NO_ANSWER) {
      return 'The index does not answer.';
    }
    if (problem.status === 404) {
      return 'Not in the index yet.';
    }
    const isProxy = problem.code === `http${problem.status}`;   // its own page says nothing that fits into a line
    return `The index answers ${problem.status}: ${isProxy ? 'no reason given' : problem.message || 'no reason given'}`;
  }

  // A study

  async function tellStudy(current, signal) {
    const status = await ask(`/studies/${current.uuid}/index-status`, signal);
    const isOver = status.state === 'done' || status.state === 'failed';
    if (isOver || !current.study) {
      current.study = await ask(`/studies/${current.uuid}`, signal);
    }
    if (!signal.aborted) {
      current.panel.said.replaceChildren(...linesOfStatus(status), ...linesOfStudy(current.study));
      offer(current, current.study.links.ohif, 'Open in OHIF', align(current), indexAgain(current));
    }
    return isOver && !isUnderWay(status.alignment) ? null : POLL_MS;
  }

  function isUnderWay(alignment) {
    return alignment === 'queued' || alignment === 'running';
  }

  function linesOfStatus(status) {
    const percent = `${Math.floor(100 * status.progress)} %`;
    const slices = counted(status.slices, 'slice');
    const line = element('p', {}, ({
      done: `Indexed: ${slices}`,
      running: `Indexing, ${percent}: ${status.stage} `,
      queued: 'Waits to be indexed ',
      notIndexed: `Not indexed yet, ${percent}: ${slices} so far`,
      failed: `Indexing failed: ${status.error}`,
    })[status.state]);
    line.className = { failed: 'wrong', notIndexed: 'wanting' }[status.state] || '';
    if (status.state === 'running' || status.state === 'queued') {
      line.append(element('progress', { max: 1, value: status.progress }));
    }
    return [line, ...status.skipped.map((skipped) => element('p', {},
      `Skipped: ${counted(skipped.count, 'instance')} (${skipped.reason}). ${skipped.explanation}`))];
  }

  function linesOfStudy(study) {
    const lines = [];
    const said = {
      reference: 'Alignment: in the frame of reference of the patient’s first images',
      aligned: 'Alignment: joined to other images of the patient by a transform',
      needsAlignment: 'Needs alignment: no transform leads to the patient’s first images',
      queued: 'Alignment: waits for its turn',
      running: 'Alignment: under way',
      failed: 'Alignment failed. What was tried, and how it ended:',
    }[study.alignment];
    if (study.alignment) {
      lines.push(element('p', { className: classOf(study.alignment) }, said || `Alignment: ${study.alignment}`));
    }
    if (study.alignment === 'failed') {
      lines.push(...study.failedAlignments.map((tried) => element('p', {}, `Tried: ${tried.method}. ${tried.reason}`)));
    }
    const frames = study.frameOfReferenceUids;
    if (frames.length) {
      const others = frames.length > MAX_FRAMES ? ` and ${frames.length - MAX_FRAMES} more` : '';
      const label = frames.length === 1 ? 'Frame of reference' : 'Frames of reference';
      lines.push(element('p', {}, `${label}: ${frames.slice(0, MAX_FRAMES).join(', ')}${others}`));
    }
    return lines;
  }

  function classOf(alignment) {
    return { needsAlignment: 'wanting', failed: 'wrong' }[alignment] || '';
  }

  function indexAgain(current) {
    return doing(current, 'Index again', `/studies/${current.uuid}/index`, { method: 'POST' });
  }

  /** A patient's studies with each other, or one study with the best of the others. */
  function align(current) {
    const whom = current.level === 'patient' ? { patientId: current.uuid } : { studyInstanceUids: [current.uuid] };
    return doing(current, 'Align', '/alignments', { body: whom });
  }

  function timeline(current) {
    return element('a', {
      href: `..${root}/app/?${current.level}=${encodeURIComponent(current.uuid)}`, target: '_blank', rel: 'external noopener',
    }, 'Timeline');
  }

  function doing(current, label, path, options) {
    const button = element('a', { href: '#' }, label);
    button.addEventListener('click', async (event) => {
      event.preventDefault();
      event.stopPropagation();   // jQuery Mobile would leave the page
      const { signal } = restart(current);
      try {
        await ask(path, signal, options);
        follow(current);
      } catch (problem) {
        if (!signal.aborted) {
          current.panel.said.replaceChildren(element('p', { className: 'wrong' }, lineOf(problem, current.level)));
        }
      }
    });
    return button;
  }

  // A patient

  async function tellPatient(current, signal) {
    const patient = await ask(`/patients/${current.uuid}`, signal);
    const frames = new Map(patient.frames.map((frame, number) => [frame.frameOfReferenceUid, { ...frame, number }]));
    const first = patient.studies.find((study) => study.alignment === 'reference');
    const rows = patient.studies.map((study) => element('tr', {},
      element('td', {}, ...nameOf(study)),
      element('td', {}, ...contentOf(study)),
      element('td', {}, ...study.frameOfReferenceUids.map((uid) => chipOf(frames.get(uid)))),
      alignmentOf(study, study === first)));
    const heads = ['Study', 'Index', 'Frames', 'Alignment'].map((head) => element('th', {}, head));
    const said = [element('table', {}, element('tr', {}, ...heads), ...rows)];
    if (patient.identityConflict) {
      said.unshift(element('p', { className: 'wrong' }, 'Identity conflict: birth date, sex or issuer differ between '
        + 'studies of this PatientID. They are not aligned automatically.'));
    }
    if (patient.frames.length > 1) {
      said.push(element('p', { className: 'aside' }, 'Frames of reference with the same letter are joined by transforms: '
        + 'a point of one is found in the others.'));
    }
    if (!signal.aborted) {
      current.panel.said.replaceChildren(...said);
      offer(current, patient.links.ohif, `Open in OHIF: ${counted(patient.studies.length, 'study', 'studies')}`, align(current));
    }
    const isMoving = patient.studies.some((study) => !study.indexed || isUnderWay(study.alignment));
    return isMoving ? SLOW_POLL_MS : null;
  }

  function nameOf(study) {
    const link = element('a', { href: `#study?uuid=${study.orthancStudyId}` }, study.studyDate || 'no date');
    const rest = [study.modalities.join(', '), study.studyDescription].filter(Boolean).join(' · ');
    return rest ? [link, element('br'), element('small', {}, rest)] : [link];
  }

  function contentOf(study) {
    if (!study.indexed) {
      return [element('span', { className: 'wanting' }, 'not indexed yet')];
    }
    const slices = study.series.reduce((sum, series) => sum + series.planes, 0);
    const skipped = study.series.flatMap((series) => series.skipped);
    const left = skipped.reduce((sum, each) => sum + each.count, 0);
    const why = [...new Set(skipped.map((each) => `${each.reason}: ${each.explanation}`))].join('\n');
    return left ? [counted(slices, 'slice'), element('br'), element('small', { title: why }, `${left} skipped`)]
      : [counted(slices, 'slice')];
  }

  /** A letter for the frames that transforms join, a number for the frame itself. */
  function chipOf(frame) {
    const letter = frame.group < 26 ? String.fromCharCode(65 + frame.group) : `${frame.group + 1}·`;
    return element('span', { className: 'frame', title: frame.frameOfReferenceUid }, `${letter}${frame.number + 1}`);
  }

  function alignmentOf(study, isFirst) {
    const said = {
      reference: isFirst ? 'reference' : 'same frame as the reference',
      aligned: 'joined by a transform',
      needsAlignment: 'needs alignment',
      queued: 'alignment is queued',
      running: 'is being aligned',
      failed: 'alignment failed',
    }[study.alignment] || study.alignment || (study.indexed ? 'no images with a place' : '');
    return element('td', { className: classOf(study.alignment) }, said);
  }

  /** The buttons, once: those that are there keep the focus while the lines above change. */
  function offer(current, ohif, label, ...buttons) {
    const { actions } = current.panel;
    if (actions.childElementCount) {
      return;
    }
    actions.append(timeline(current));
    if (ohif) {
      actions.append(element('a', { href: `..${ohif}`, target: '_blank', rel: 'external noopener' }, label));
    }
    actions.append(...buttons);
    $(actions).children().buttonMarkup({ inline: true, mini: true });
  }

  /** Its lists cannot be trimmed: who may see some studies only is led to the page that shows these. */
  async function leadAway() {
    try {
      const me = await ask('/me');
      if (!me.seesEverything) {
        window.location.replace(`..${root}/app/`);
      }
    } catch {
      // an archive that answers nobody has nothing to show here either
    }
  }

  if (isRestricted) {
    leadAway();
  }
  $(() => document.head.append(element('style', {}, STYLE)));
  for (const level of Object.keys(LISTS)) {
    $(`#${level}`).live('pagebeforeshow', () => enter(level)).live('pagebeforehide', leave);
  }
  $(window).bind('hashchange', () => {   // another resource on the same page, which is not shown anew
    if (visit && $.mobile.pageData && $.mobile.pageData.active === visit.level && $.mobile.pageData.uuid !== visit.uuid) {
      enter(visit.level);
    }
  });
}
